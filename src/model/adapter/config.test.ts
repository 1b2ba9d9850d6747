import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { InvalidConfigError, SkeinError, UnsupportedError } from "../../errors.ts";
import { parseAdapterConfig } from "./config.ts";

const plain = { peft_type: "LORA", r: 8, lora_alpha: 16, target_modules: ["q_proj", "v_proj"] };
const q = "model.layers.3.self_attn.q_proj";
const down = "model.layers.12.mlp.down_proj";

const ruleFor = (change: object, module: string) => parseAdapterConfig({ ...plain, ...change }).ruleFor(module);

test("rank and scale are α / r, or α / √r, with what patterns say of a module", () => {
  expect(ruleFor({}, q)).toEqual({ rank: 8, scale: 2 });
  expect(ruleFor({}, down)).toBeUndefined();
  expect(ruleFor({ use_rslora: true, lora_alpha: 6, r: 9 }, q)).toEqual({ rank: 9, scale: 2 });
  expect(ruleFor({ rank_pattern: { q_proj: 32 } }, q)).toEqual({ rank: 32, scale: 0.5 });
  expect(ruleFor({ alpha_pattern: { "layers.3.self_attn.q_proj": 4 } }, q)).toEqual({ rank: 8, scale: 0.5 });
  const both = { rank_pattern: { "layers\\.[0-3]\\..*": 4, q_proj: 99 }, alpha_pattern: { "(q|k)_proj": 1 } };
  expect(ruleFor({ ...both, use_rslora: true }, q)).toEqual({ rank: 4, scale: 0.5 });
  // Whole parts of names only, and only at their end.
  expect(ruleFor({ rank_pattern: { _proj: 4, self_attn: 4, "model.layers": 4 } }, q)).toEqual({ rank: 8, scale: 2 });
});

test("ranks and scales of 160 random configurations are those that PEFT computes", async () => {
  const { modules, cases } = JSON.parse(
    await readFile(new URL("../../../fixtures/adapters/peft-rules.json", import.meta.url), "utf8"),
  ) as { modules: string[]; cases: { config: object; rules: [module: number, rank: number, scale: number][] }[] };
  expect(cases).toHaveLength(160);
  for (const { config, rules } of cases) {
    const { ruleFor: rule } = parseAdapterConfig(config);
    const found = modules.flatMap((module, i) => {
      const own = rule(module);
      return own ? [[i, own.rank, expect.closeTo(own.scale, 12)]] : [];
    });
    expect(rules, JSON.stringify(config)).toEqual(found);
  }
});

/** PEFT's own rules: `check_target_module_exists`. */
test.each<[object, readonly string[]]>([
  [{ target_modules: ["q_proj"] }, [q]],
  [{ target_modules: ["proj"] }, []],
  [{ target_modules: ["self_attn.q_proj", down] }, [q, down]],
  [{ target_modules: "q_proj" }, []],
  [{ target_modules: ".*(q|down)_proj" }, [q, down]],
  [{ target_modules: "all-linear" }, [q, down]],
  [{ target_modules: ["lm_head"] }, ["lm_head"]],
  [{ target_modules: "all-linear", exclude_modules: ["down_proj"] }, [q]],
  [{ target_modules: "all-linear", exclude_modules: ".*mlp.*" }, [q]],
  [{ target_modules: ["q_proj", "down_proj"], layers_to_transform: 12 }, [down]],
  [{ target_modules: ["q_proj", "down_proj"], layers_to_transform: [3, 4] }, [q]],
  [{ target_modules: ["q_proj", "down_proj"], layers_to_transform: [3], layers_pattern: "layers" }, [q]],
  [{ target_modules: ["q_proj", "down_proj"], layers_to_transform: [3], layers_pattern: ["h", "blocks"] }, []],
  // A pattern in PEFT, too.
  ...["model.layers", "(h|layers)", "lay.*", ".*", ["h", "l\\w+s"], "", []].map(
    (layers_pattern) =>
      [{ target_modules: ["q_proj", "down_proj"], layers_to_transform: [3], layers_pattern }, [q]] as [
        object,
        string[],
      ],
  ),
  [{ target_modules: ["q_proj", "down_proj"], layers_to_transform: [3], layers_pattern: "ayers" }, []],
  [{ target_modules: "All-Linear" }, [q, down]],
  [{ target_modules: ["q_proj", "lm_head"], layers_to_transform: [3] }, [q, "lm_head"]],
  [{ target_modules: ["q_proj", down], layers_to_transform: [0] }, [down]],
  [{ target_modules: ["q_proj", "lm_head"], layers_to_transform: [] }, [q, "lm_head"]],
])("%j targets %j", (change, expected) => {
  const { ruleFor: rule } = parseAdapterConfig({ ...plain, ...change });
  expect([q, down, "lm_head"].filter((module) => rule(module))).toEqual(expected);
});

test("fields that change nothing are accepted", () => {
  parseAdapterConfig({
    ...plain,
    ...{ lora_dropout: 0.1, fan_in_fan_out: true, inference_mode: true, base_model_name_or_path: "x", revision: null },
    ...{ task_type: "CAUSAL_LM", bias: "none", modules_to_save: [], init_lora_weights: "gaussian", use_dora: false },
    ...{ rank_pattern: {}, alpha_pattern: {}, layers_pattern: null, layers_to_transform: null, megatron_config: null },
    ...{
      target_parameters: null,
      trainable_token_indices: null,
      loftq_config: {},
      eva_config: null,
      auto_mapping: null,
    },
  });
});

test.each<[object, RegExp]>([
  [{ peft_type: "IA3" }, /peft_type "IA3" is not supported: only LORA is/],
  [{ modules_to_save: ["lm_head", "embed_tokens"] }, /modules_to_save "lm_head", "embed_tokens" is not supported/],
  [{ use_dora: true }, /use_dora true is not supported: DoRA/],
  [{ bias: "lora_only" }, /bias "lora_only"/],
  [{ lora_bias: true }, /lora_bias true/],
  [{ task_type: "SEQ_CLS" }, /task_type "SEQ_CLS"/],
  [{ init_lora_weights: "pissa_niter_16" }, /init_lora_weights "pissa_niter_16"/],
  [{ init_lora_weights: "olora" }, /init_lora_weights "olora"/],
  [{ init_lora_weights: "lora_ga" }, /init_lora_weights "lora_ga"/],
  [{ kasa_config: {} }, /kasa_config an object is not supported: KaSA/],
  [{ layer_replication: [[0, 4]] }, /layer_replication a list/],
  [{ trainable_token_indices: [5] }, /trainable_token_indices a list/],
  [{ target_parameters: ["mlp.experts"] }, /target_parameters a list/],
  [{ alora_invocation_tokens: [1, 2] }, /alora_invocation_tokens/],
  [{ target_modules: "(?<=x)q_proj" }, /adapter_config\.target_modules: the pattern .*not supported/],
  [{ rank_pattern: { "(q": 4 } }, /adapter_config\.rank_pattern: the pattern .*without its \)/],
  [{ rank_pattern: Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`(${i})`, 4])) }, /longer than 4000/],
])("%j is refused by name", (change, message) => {
  expect(() => parseAdapterConfig({ ...plain, ...change })).toThrow(UnsupportedError);
  expect(() => parseAdapterConfig({ ...plain, ...change })).toThrow(message);
});

test.each<[object, string]>([
  [{ peft_type: undefined }, "peft_type"],
  [{ r: undefined }, "r"],
  [{ r: 0 }, "r"],
  [{ r: 1e9 }, "r"],
  [{ r: 2.5 }, "r"],
  [{ lora_alpha: "16" }, "lora_alpha"],
  [{ use_rslora: "yes" }, "use_rslora"],
  [{ target_modules: null }, "target_modules"],
  [{ target_modules: [1] }, "target_modules"],
  [{ target_modules: { q_proj: true } }, "target_modules"],
  [{ target_modules: Array(2000).fill("q") }, "target_modules"],
  [{ rank_pattern: [4] }, "rank_pattern"],
  [{ rank_pattern: { q_proj: 0 } }, "rank_pattern.q_proj"],
  [{ alpha_pattern: { q_proj: null } }, "alpha_pattern.q_proj"],
  [{ layers_to_transform: ["0"] }, "layers_to_transform"],
  [{ layers_to_transform: [0], target_modules: ".*" }, "layers_to_transform"],
  [{ modules_to_save: "lm_head" }, "modules_to_save"],
])("%j is an error that names the field", (change, field) => {
  const parse = () => parseAdapterConfig({ ...plain, ...change }, "adapters.law.adapter_config.");
  expect(parse).toThrow(InvalidConfigError);
  expect(parse).toThrow(expect.objectContaining({ field: `adapters.law.adapter_config.${field}` }));
});

test("no JSON makes it fail in another way", () => {
  const names = [
    ...Object.keys(plain),
    ...["rank_pattern", "alpha_pattern", "layers_to_transform", "layers_pattern", "exclude_modules", "modules_to_save"],
    ...["use_rslora", "use_dora", "bias", "init_lora_weights", "__proto__", "constructor"],
  ];
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), fc.jsonValue()), (changes) => {
      try {
        const { ruleFor: rule } = parseAdapterConfig({ ...plain, ...changes });
        for (const module of [q, down, "lm_head"]) rule(module);
      } catch (error) {
        expect(error).toBeInstanceOf(SkeinError);
        expect((error as Error).message).toMatch(/^[^\n]{1,500}$/);
      }
    }),
    { numRuns: 2000 },
  );
});
