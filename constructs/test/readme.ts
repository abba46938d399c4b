import { Fn, Stack, aws_applicationautoscaling as autoscaling, aws_sagemaker as sagemaker } from "aws-cdk-lib";
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

/** The two deployments that move an endpoint. */
export const MOVING = ["moving-an-endpoint-into-scaledendpoint-1", "moving-an-endpoint-into-scaledendpoint-2"];

/** All examples. */
export const EXAMPLES: Example[] = README.split(/^#+ /m).flatMap((section) => {
  const heading = section.slice(0, section.indexOf("\n")).toLowerCase().replace(/\W+/g, "-");
  const codes = Array.from(section.matchAll(/```ts\n(.*?)```/gs), ([, code]) => code);
  return codes.map((code, index) => {
    const name = codes.length === 1 ? heading : `${heading}-${index + 1}`;
    return { name, build: compiled(code, name === MOVING[0] ? endpointOfTheReader : () => {}) };
  });
});

/** The stack that the reader has before the endpoint moves. */
function endpointOfTheReader(stack: Stack): void {
  const config = new sagemaker.CfnEndpointConfig(stack, "Config", {
    productionVariants: [
      { variantName: "AllTraffic", modelName: "my-model", instanceType: "ml.m5.large", initialInstanceCount: 1 },
    ],
  });
  new sagemaker.CfnEndpoint(stack, "Endpoint", {
    endpointName: "my-endpoint",
    endpointConfigName: config.attrEndpointConfigName,
  });
  const target = new autoscaling.ScalableTarget(stack, "Native", {
    serviceNamespace: autoscaling.ServiceNamespace.SAGEMAKER,
    resourceId: Fn.sub("endpoint/${Endpoint.EndpointName}/variant/AllTraffic"),
    scalableDimension: "sagemaker:variant:DesiredInstanceCount",
    minCapacity: 1,
    maxCapacity: 4,
  });
  target.scaleToTrackMetric("Requests", {
    policyName: "requests",
    predefinedMetric: autoscaling.PredefinedMetric.SAGEMAKER_VARIANT_INVOCATIONS_PER_INSTANCE,
    targetValue: 70,
  });
}

/** An example as a function that first prepares the stack. */
function compiled(code: string, prepare: (stack: Stack) => void): (stack: Stack) => void {
  const imports = code.match(/^import .*\n/gm) ?? [];
  const body = code.replace(/^import .*\n/gm, "").replace("sagemaker-scaling-arm64", PACKAGE);
  const { outputText } = typescript.transpileModule(
    [...imports, "export function build(this: unknown) {", body, "}"].join("\n"),
    { compilerOptions: { module: typescript.ModuleKind.CommonJS, target: typescript.ScriptTarget.ES2022 } },
  );
  const exported: { build?: (this: Stack) => void } = {};
  const load = (name: string) => (name === "sagemaker-scaling-constructs" ? constructs : require(name));
  new Function("exports", "require", outputText)(exported, load);
  return (stack) => {
    prepare(stack);
    exported.build!.call(stack);
  };
}
