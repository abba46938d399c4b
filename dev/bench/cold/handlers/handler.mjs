// Registers a variant as a scalable target, with AWS SDK v3; esbuild bundles it.

import https from "node:https";
import {
  ApplicationAutoScalingClient,
  RegisterScalableTargetCommand,
} from "@aws-sdk/client-application-auto-scaling";
import { DescribeEndpointCommand, SageMakerClient } from "@aws-sdk/client-sagemaker";

const sagemaker = new SageMakerClient();
const scaling = new ApplicationAutoScalingClient();

function put(url, body) {
  return new Promise((resolve, reject) => {
    const headers = { "Content-Length": Buffer.byteLength(body) };
    const request = https.request(url, { method: "PUT", headers }, (response) => {
      response.resume();
      response.on("end", () => (response.statusCode < 300 ? resolve() : reject(new Error(String(response.statusCode)))));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function register(event) {
  const { EndpointName, VariantName, MinCapacity, MaxCapacity } = event.ResourceProperties;
  await sagemaker.send(new DescribeEndpointCommand({ EndpointName }));
  const ResourceId = `endpoint/${EndpointName}/variant/${VariantName}`;
  const { ScalableTargetARN } = await scaling.send(new RegisterScalableTargetCommand({
    ServiceNamespace: "sagemaker",
    ScalableDimension: "sagemaker:variant:DesiredInstanceCount",
    ResourceId,
    MinCapacity: Number(MinCapacity),
    MaxCapacity: Number(MaxCapacity),
    Tags: { "stack-id": event.StackId },
  }));
  return { PhysicalResourceId: ResourceId, Data: { ScalableTargetARN } };
}

export async function handler(event) {
  const { StackId, RequestId, LogicalResourceId } = event;
  let answer;
  try {
    answer = { Status: "SUCCESS", ...(await register(event)) };
  } catch (error) {
    answer = { Status: "FAILED", Reason: String(error), PhysicalResourceId: "failed" };
  }
  await put(event.ResponseURL, JSON.stringify({ ...answer, StackId, RequestId, LogicalResourceId }));
}
