/**
 * A module of kernels as the package has it, compressed. Some servers name the compression of a file that ends with `.gz`, and then `fetch`
 * has undone it already.
 *
 * @see docs/decisions/0022-packed-kernels.md
 * @throws CompileError, TypeError when the bytes are neither
 */
export async function compilePacked(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return WebAssembly.compile(isPacked ? await unpack(bytes) : bytes);
}

function unpack(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
