import { Stack } from "aws-cdk-lib";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as typescript from "typescript";
import * as constructs from "../src";
import { PACKAGE } from "./synthesis";

export const README = readFileSync(join(__dirname, "../../README.md"), "utf8");

/** An example of README.md in TypeScript. */
export interface Example {
  /** The heading above it, as a name of a stack. The examples of one section are numbered. */
  readonly name: string;

  /** Runs it in a stack. */
  build(stack: Stack): void;
}

/** All examples. */
export const EXAMPLES: Example[] = README.split(/^#+ /m).flatMap((section) => {
  const heading = section.slice(0, section.indexOf("\n")).toLowerCase().replace(/\W+/g, "-");
  const codes = Array.from(section.matchAll(/```ts\n(.*?)```/gs), ([, code]) => code);
  return codes.map((code, index) => {
    const name = codes.length === 1 ? heading : `${heading}-${index + 1}`;
    return { name, build: compiled(code) };
  });
});

function compiled(code: string): (stack: Stack) => void {
  const imports = code.match(/^import .*\n/gm) ?? [];
  const body = code.replace(/^import .*\n/gm, "").replace("target/package/arm64", PACKAGE);
  const { outputText } = typescript.transpileModule(
    [...imports, "export function build(this: unknown) {", body, "}"].join("\n"),
    { compilerOptions: { module: typescript.ModuleKind.CommonJS, target: typescript.ScriptTarget.ES2022 } },
  );
  const exported: { build?: (this: Stack) => void } = {};
  const load = (name: string) => (name === "sagemaker-scaling-constructs" ? constructs : require(name));
  new Function("exports", "require", outputText)(exported, load);
  return (stack) => exported.build!.call(stack);
}
