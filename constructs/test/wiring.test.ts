import { App, CfnOutput, Duration, Lazy, RemovalPolicy, Stack, Tags } from "aws-cdk-lib";
import { aws_applicationautoscaling as autoscaling, aws_cloudwatch as cloudwatch } from "aws-cdk-lib";
import * as assert from "node:assert/strict";
import { test } from "node:test";
import { ScaledEndpoint, ScaledEndpointProps, ScalingProvider } from "../src";
import { GATE, Json, TARGET, only, template } from "./synthesis";

const LIMITS = { minCapacity: 1, maxCapacity: 4 };
const INSTANCES = { variantName: "Instances", modelName: "model", instanceType: "ml.m5.large" };
const SERVERLESS = {
  variantName: "Serverless",
  modelName: "model",
  serverlessConfig: { maxConcurrency: 20, memorySizeInMb: 2048, provisionedConcurrency: 1 },
};

function endpoint(stack: Stack, props: Partial<ScaledEndpointProps> = {}): ScaledEndpoint {
  return new ScaledEndpoint(stack, "Endpoint", {
    endpointName: "endpoint",
    config: { productionVariants: [INSTANCES, SERVERLESS] },
    ...props,
  });
}

test("the gate comes after the configuration and before the endpoint, and the scaling last", () => {
  const { Resources } = template((stack) =>
    endpoint(stack).scaleVariant("Scaling", { variantName: "Instances", ...LIMITS }),
  );
  const config = only(Resources, "AWS::SageMaker::EndpointConfig");
  const gate = only(Resources, GATE);
  const created = only(Resources, "AWS::SageMaker::Endpoint");
  const scaling = only(Resources, TARGET);
  assert.equal(config.properties.EndpointConfigName, undefined);
  assert.equal(gate.properties.EndpointName, "endpoint");
  assert.equal(gate.properties.ServiceTimeout, "3000");
  assert.deepEqual(gate.properties.EndpointConfigName, { "Fn::GetAtt": [config.id, "EndpointConfigName"] });
  assert.deepEqual(created.properties, {
    EndpointName: "endpoint",
    EndpointConfigName: { "Fn::GetAtt": [gate.id, "EndpointConfigName"] },
    RetainAllVariantProperties: true,
  });
  assert.deepEqual(scaling.properties.EndpointName, { "Fn::GetAtt": [created.id, "EndpointName"] });
  assert.deepEqual(scaling.properties.UpdateGate, { Ref: gate.id });
});

test("each variant scales in the dimension that fits it", () => {
  const { Resources } = template((stack) => {
    const created = endpoint(stack);
    created.scaleVariant("One", { variantName: "Instances", ...LIMITS });
    created.scaleVariant("Other", { variantName: "Serverless", ...LIMITS, minCapacity: 0 });
  });
  const dimensions = Object.values<Json>(Resources)
    .filter(({ Type }) => Type === TARGET)
    .map(({ Properties }) => [Properties.VariantName, Properties.ScalableDimension]);
  assert.deepEqual(dimensions, [
    ["Instances", undefined],
    ["Serverless", "sagemaker:variant:DesiredProvisionedConcurrency"],
  ]);
});

test("variants may be Lazy values, and their names tokens", () => {
  const { Resources } = template((stack) => {
    const variantName = Lazy.string({ produce: () => "Serverless" });
    const productionVariants = Lazy.any({ produce: () => [{ ...SERVERLESS, variantName }] });
    endpoint(stack, { config: { productionVariants } }).scaleVariant("Scaling", { variantName, ...LIMITS });
  });
  const { properties } = only(Resources, TARGET);
  assert.equal(properties.ScalableDimension, "sagemaker:variant:DesiredProvisionedConcurrency");
});

test("gate and scaling have the provider and the timeout of the endpoint, and the gate its options", () => {
  const arn = "arn:aws:lambda:us-east-1:111122223333:function:scaling";
  const { Resources } = template((stack) => {
    const provider = ScalingProvider.fromArn(arn);
    const alarms = [{ alarmName: "errors" }];
    endpoint(stack, {
      provider,
      serviceTimeout: Duration.minutes(10),
      includeOtherStacks: true,
      deploymentConfig: { autoRollbackConfiguration: { alarms } },
    }).scaleVariant("Scaling", { variantName: "Instances", ...LIMITS });
  });
  const [gate, scaling] = [only(Resources, GATE), only(Resources, TARGET)];
  assert.deepEqual([gate.properties.ServiceToken, scaling.properties.ServiceToken], [arn, arn]);
  assert.deepEqual([gate.properties.ServiceTimeout, scaling.properties.ServiceTimeout], ["600", "600"]);
  assert.equal(gate.properties.IncludeOtherStacks, true);
  const { DeploymentConfig } = only(Resources, "AWS::SageMaker::Endpoint").properties;
  assert.deepEqual(DeploymentConfig, { AutoRollbackConfiguration: { Alarms: [{ AlarmName: "errors" }] } });
});

test("an alarm invokes its policy: by its name, or by its position if the name is a token", () => {
  const { Resources, Outputs } = template((stack) => {
    const scaling = endpoint(stack).scaleVariant("Scaling", { variantName: "Instances", ...LIMITS });
    const metric = new cloudwatch.Metric({ namespace: "AWS/SageMaker", metricName: "ModelLatency" });
    for (const policyName of [undefined, Lazy.string({ produce: () => "Second" })]) {
      const id = policyName ? "Token" : "First";
      scaling.scaleOnAlarm(id, {
        alarm: metric.createAlarm(stack, `${id}Alarm`, { threshold: 1, evaluationPeriods: 1 }),
        adjustmentType: autoscaling.AdjustmentType.EXACT_CAPACITY,
        steps: [{ lowerBound: 0, adjustment: 2 }],
        policyName,
      });
    }
    new CfnOutput(stack, "Target", { value: scaling.scalableTargetId });
  });
  const { id, properties } = only(Resources, TARGET);
  assert.deepEqual(
    properties.ScalingPolicies.map((policy: Json) => policy.PolicyName),
    ["First", "Second"],
  );
  const actions = Object.values<Json>(Resources)
    .filter(({ Type }) => Type === "AWS::CloudWatch::Alarm")
    .map(({ Properties }) => Properties.AlarmActions);
  assert.deepEqual(actions, [[{ "Fn::GetAtt": [id, "PolicyARN.First"] }], [{ "Fn::GetAtt": [id, "PolicyARN2"] }]]);
  assert.deepEqual(Outputs.Target.Value, { Ref: id });
});

test("a policy has all metrics of its expression, and tracks the outermost", () => {
  const { Resources } = template((stack) => {
    const metric = new cloudwatch.Metric({ namespace: "AWS/SageMaker", metricName: "ModelLatency" });
    const half = new cloudwatch.MathExpression({ expression: "tracked / 2", usingMetrics: { tracked: metric } });
    const customMetric = new cloudwatch.MathExpression({ expression: "half + 1", usingMetrics: { half } });
    const scaling = endpoint(stack).scaleVariant("Scaling", { variantName: "Instances", ...LIMITS });
    scaling.scaleToTrackMetric("Policy", { customMetric, targetValue: 1 });
  });
  const [{ TargetTrackingScalingPolicyConfiguration }] = only(Resources, TARGET).properties.ScalingPolicies;
  const Metric = { Namespace: "AWS/SageMaker", MetricName: "ModelLatency" };
  assert.deepEqual(TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification.Metrics, [
    { Id: "tracked", ReturnData: false, MetricStat: { Metric, Stat: "Average" } },
    { Id: "half", ReturnData: false, Expression: "tracked / 2" },
    { Id: "tracked_", ReturnData: true, Expression: "half + 1" },
  ]);
});

test("another stack scales the endpoint by its exported name", () => {
  const app = new App({ builtinCloudFormationValidation: false });
  const owner = new Stack(app, "Owner");
  const alarm = new cloudwatch.Metric({
    namespace: "AWS/SageMaker",
    metricName: "Invocations",
    dimensionsMap: { EndpointName: endpoint(owner).endpointName },
  }).createAlarm(new Stack(app, "User"), "Alarm", { threshold: 1, evaluationPeriods: 1 });
  const { Resources } = app.synth().getStackByName(alarm.stack.stackName).template;
  const [{ Value }] = only(Resources, "AWS::CloudWatch::Alarm").properties.Dimensions;
  assert.deepEqual(Object.keys(Value), ["Fn::ImportValue"]);
});

test("endpoint and configuration have escape hatches", () => {
  const { Resources } = template((stack) => {
    const { cfnEndpoint, cfnEndpointConfig } = endpoint(stack);
    cfnEndpoint.overrideLogicalId("MyEndpoint");
    cfnEndpoint.addPropertyOverride("RetainDeploymentConfig", true);
    cfnEndpoint.applyRemovalPolicy(RemovalPolicy.RETAIN);
    cfnEndpointConfig.overrideLogicalId("MyConfig");
    cfnEndpointConfig.tags.setTag("team", "search");
  });
  const { MyEndpoint, MyConfig } = Resources;
  assert.equal(MyEndpoint.Properties.RetainDeploymentConfig, true);
  assert.equal(MyEndpoint.DeletionPolicy, "Retain");
  assert.deepEqual(MyConfig.Properties.Tags, [{ Key: "team", Value: "search" }]);
  // The gate refers to the configuration by its new logical id.
  const EndpointConfigName = { "Fn::GetAtt": ["MyConfig", "EndpointConfigName"] };
  assert.deepEqual(only(Resources, GATE).properties.EndpointConfigName, EndpointConfigName);
});

test("an endpoint may keep a generated name, which only its gate has", () => {
  const { Resources } = template((stack) => {
    const created = endpoint(stack, { endpointName: "Generated-1x2y3z" });
    created.cfnEndpoint.addPropertyDeletionOverride("EndpointName");
    created.scaleVariant("Scaling", { variantName: "Instances", ...LIMITS });
  });
  const unnamed = only(Resources, "AWS::SageMaker::Endpoint");
  assert.equal(unnamed.properties.EndpointName, undefined);
  assert.equal(only(Resources, GATE).properties.EndpointName, "Generated-1x2y3z");
  assert.deepEqual(only(Resources, TARGET).properties.EndpointName, { "Fn::GetAtt": [unnamed.id, "EndpointName"] });
});

test("Tags.of tags endpoint and configuration, and neither gate nor scalable target", () => {
  const { Resources } = template((stack) => {
    const created = endpoint(stack);
    created.scaleVariant("Tagged", { variantName: "Instances", ...LIMITS, tags: { cost: "low" } });
    created.scaleVariant("Untagged", { variantName: "Serverless", ...LIMITS });
    Tags.of(created).add("team", "search");
  });
  const team = [{ Key: "team", Value: "search" }];
  const tags = Object.values<Json>(Resources).map(({ Type, Properties }) => [Type, Properties.Tags]);
  assert.deepEqual(tags.sort(), [
    ["AWS::SageMaker::Endpoint", team],
    ["AWS::SageMaker::EndpointConfig", team],
    [GATE, undefined],
    [TARGET, undefined],
    [TARGET, [{ Key: "cost", Value: "low" }]],
  ]);
});
