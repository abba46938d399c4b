import { App, Stack } from "aws-cdk-lib";
import { EXAMPLES } from "./readme";

// Each example of README.md as a stack.
const app = new App();
for (const { name, build } of EXAMPLES) {
  build(new Stack(app, name));
}
app.synth();
