import { App, Stack } from "aws-cdk-lib";
import * as assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as typescript from "typescript";
import * as constructs from "../src";
import { PACKAGE } from "./synthesis";

const ROOT = join(__dirname, "../..");

test("the examples of README.md synthesise", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const examples = Array.from(readme.matchAll(/```ts\n(.*?)```/gs), ([, example]) => example);
  assert.equal(examples.length, 3);
  for (const example of examples) {
    const imports = example.match(/^import .*\n/gm)!;
    const body = example.replace(/^import .*\n/gm, "").replace("target/package/arm64", PACKAGE);
    const code = [...imports, "export function build(this: unknown) {", body, "}"].join("\n");
    const options = {
      compilerOptions: { module: typescript.ModuleKind.CommonJS, target: typescript.ScriptTarget.ES2022 },
    };
    const { outputText } = typescript.transpileModule(code, options);
    const exported: { build?: (this: Stack) => void } = {};
    const load = (name: string) => (name === "sagemaker-scaling-constructs" ? constructs : require(name));
    new Function("exports", "require", outputText)(exported, load);
    const app = new App();
    exported.build!.call(new Stack(app, "Stack"));
    app.synth();
  }
});
