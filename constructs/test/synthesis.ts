import { App, Stack } from "aws-cdk-lib";
import * as assert from "node:assert/strict";

export const GATE = "Custom::SageMakerEndpointUpdateGate";
export const TARGET = "Custom::SageMakerScalableTarget";

/** A package of the function. `make constructs` writes it. */
export const PACKAGE = "build/package";

/** A value of a template or of a schema. */
export type Json = any;

/** The template of a stack. */
export function template(build: (stack: Stack) => void): Json {
  const app = new App({ builtinCloudFormationValidation: false });
  const stack = new Stack(app, "Stack");
  build(stack);
  return app.synth().getStackByName(stack.stackName).template;
}

/** The properties of all resources of a type. */
export function propertiesOf(type: string, build: (stack: Stack) => void): Json[] {
  const resources = Object.values<Json>(template(build).Resources);
  return resources.filter((resource) => resource.Type === type).map((resource) => resource.Properties);
}

/** The resource of a type, and its logical id. */
export function only(resources: Json, type: string): { id: string; properties: Json } {
  const found = Object.entries<Json>(resources).filter(([, resource]) => resource.Type === type);
  assert.equal(found.length, 1, type);
  return { id: found[0][0], properties: found[0][1].Properties };
}
