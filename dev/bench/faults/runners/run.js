// Simulates Lambda's Node.js runtime: `node run.js MODULE EXPORT`. It calls a handler with events and contexts, sends
// the results to the Runtime API, and prints errors as Lambda logs them.
//
// RESPONSE_PORT: the CDK's handlers ignore the port of the response URL, which in AWS is 443.

const http = require("node:http");
const https = require("node:https");

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: false });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, path: `/2018-06-01/runtime/${path}` }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

function context(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  return {
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

async function main([module, name]) {
  if (process.env.RESPONSE_PORT) https.globalAgent.defaultPort = Number(process.env.RESPONSE_PORT);
  const handler = require(module)[name];
  for (;;) {
    const next = await call("GET", "invocation/next");
    const invocation = `invocation/${next.headers["lambda-runtime-aws-request-id"]}`;
    try {
      const result = await handler(JSON.parse(next.body), context(next.headers));
      await call("POST", `${invocation}/response`, JSON.stringify(result ?? null));
    } catch (error) {
      const { name: errorType, message: errorMessage, stack = "" } = error;
      const said = JSON.stringify({ errorType, errorMessage, trace: stack.split("\n") });
      console.error("ERROR\tInvoke Error\t", said);
      await call("POST", `${invocation}/error`, said);
    }
  }
}

main(process.argv.slice(2));
