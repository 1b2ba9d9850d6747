/** `rope_freqs.weight` as llama.cpp's converter writes it for llama3 scaling by 8 from 8192 tokens. @see `convert_hf_to_gguf.py` */
export function llama3Factors(headDim: number, theta = 5e5): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: headDim / 2 }, (_, pair) => {
    const wavelength = Math.fround((2 * Math.PI) / Math.fround(1 / Math.fround(theta ** ((2 * pair) / headDim))));
    if (wavelength < 2048) return 1;
    if (wavelength > 8192) return 8;
    const smooth = Math.fround((Math.fround(8192 / wavelength) - 1) / 3);
    return 1 / Math.fround(Math.fround((1 - smooth) / 8) + smooth);
  });
}
