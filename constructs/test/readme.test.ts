import * as assert from "node:assert/strict";
import { test } from "node:test";
import { EXAMPLES } from "./readme";
import { template } from "./synthesis";

for (const { name, build } of EXAMPLES) {
  test(`the example ${name} of README.md synthesises`, () => assert.ok(template(build)));
}
