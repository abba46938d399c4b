import { Duration, Stack, TimeZone } from "aws-cdk-lib";
import { aws_applicationautoscaling as autoscaling, aws_cloudwatch as cloudwatch } from "aws-cdk-lib";
import Ajv, { ValidateFunction } from "ajv";
import * as assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EndpointUpdateGate, SageMakerMetric, SageMakerScaling, ScalingProvider, ScalingTarget } from "../src";
import { GATE, Json, TARGET, propertiesOf } from "./synthesis";

const SCHEMAS = join(__dirname, "../../../schema");

/** Properties that the constructs do not set, with the reason. */
const LEFT_OUT = [
  // The metrics of SageMaker have none.
  "ScalingPolicies.TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification.ResourceLabel",
];

const LIMITS = { minCapacity: 1, maxCapacity: 4 };
const INSTANCES = ScalingTarget.variantInstanceCount("endpoint", "variant");
const LATENCY = new cloudwatch.Metric({
  namespace: "AWS/SageMaker",
  metricName: "ModelLatency",
  dimensionsMap: { EndpointName: "endpoint", VariantName: "variant" },
  unit: cloudwatch.Unit.MICROSECONDS,
  label: "latency",
});

/** Resources that together set every property. */
const CASES: { [type: string]: ((stack: Stack) => void)[] } = {
  [GATE]: [
    (stack) => new EndpointUpdateGate(stack, "Gate", { endpointName: "endpoint", endpointConfigName: "config" }),
    (stack) =>
      new EndpointUpdateGate(stack, "Gate", {
        provider: ScalingProvider.fromArn("arn:aws:sns:us-east-1:111122223333:scaling"),
        serviceTimeout: Duration.minutes(10),
        endpointName: "endpoint",
        endpointConfigName: "config",
        includeOtherStacks: true,
      }),
  ],
  [TARGET]: [
    (stack) => new SageMakerScaling(stack, "Scaling", { target: INSTANCES, ...LIMITS }),
    (stack) => {
      const gate = { endpointName: "endpoint", endpointConfigName: "config" };
      new SageMakerScaling(stack, "Scaling", {
        target: ScalingTarget.variantProvisionedConcurrency("endpoint", "variant"),
        updateGate: new EndpointUpdateGate(stack, "Gate", gate),
        minCapacity: 0,
        maxCapacity: 4,
        suspendedState: {
          dynamicScalingInSuspended: true,
          dynamicScalingOutSuspended: false,
          scheduledScalingSuspended: true,
        },
        tags: { team: "search" },
        propagateStackTags: true,
        adoptExisting: true,
        takeOverFrom: "stack/Former",
      });
    },
    (stack) => {
      const target = ScalingTarget.inferenceComponentCopyCount("component");
      new SageMakerScaling(stack, "Scaling", { target, ...LIMITS });
    },
    policies,
    schedules,
  ],
};

function policies(stack: Stack): void {
  const scaling = new SageMakerScaling(stack, "Scaling", { target: INSTANCES, ...LIMITS });
  scaling.scaleToTrackMetric("Predefined", {
    predefinedMetric: SageMakerMetric.VARIANT_INVOCATIONS_PER_INSTANCE,
    targetValue: 70,
    disableScaleIn: true,
    scaleInCooldown: Duration.minutes(10),
    scaleOutCooldown: Duration.seconds(30),
  });
  scaling.scaleToTrackMetric("Customized", { customMetric: LATENCY, targetValue: 0.5, policyName: "Named" });
  scaling.scaleToTrackMetric("Percentile", { customMetric: LATENCY.with({ statistic: "p90" }), targetValue: 1e6 });
  const half = new cloudwatch.MathExpression({ expression: "tracked / 2", usingMetrics: { tracked: LATENCY } });
  const expression = new cloudwatch.MathExpression({ expression: "half + 1", usingMetrics: { half } });
  scaling.scaleToTrackMetric("Expression", { customMetric: expression, targetValue: 1 });
  scaling.scaleOnAlarm("Steps", {
    alarm: LATENCY.createAlarm(stack, "Alarm", { threshold: 1, evaluationPeriods: 1 }),
    adjustmentType: autoscaling.AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
    metricAggregationType: autoscaling.MetricAggregationType.MAXIMUM,
    minAdjustmentMagnitude: 1,
    cooldown: Duration.minutes(1),
    steps: [
      { lowerBound: 10.5, adjustment: 50 },
      { lowerBound: 0, upperBound: 10.5, adjustment: 20 },
      { upperBound: 0, adjustment: -20 },
    ],
  });
}

function schedules(stack: Stack): void {
  const scaling = new SageMakerScaling(stack, "Scaling", { target: INSTANCES, ...LIMITS });
  scaling.scaleOnSchedule("Morning", {
    schedule: autoscaling.Schedule.cron({ weekDay: "MON-FRI", hour: "7", minute: "0" }),
    timeZone: TimeZone.EUROPE_BERLIN,
    startTime: new Date(Date.UTC(2030, 0, 1)),
    endTime: new Date(Date.UTC(2030, 11, 31, 12, 30)),
    minCapacity: 2,
    maxCapacity: 8,
  });
  scaling.scaleOnSchedule("Once", { schedule: autoscaling.Schedule.at(new Date(0)), maxCapacity: 8 });
  scaling.scaleOnSchedule("Often", { schedule: autoscaling.Schedule.rate(Duration.hours(12)), minCapacity: 1 });
}

for (const [type, builds] of Object.entries(CASES)) {
  const { schema, accepts } = schemaOf(type);
  const cases = builds.flatMap((build) => propertiesOf(type, build)).map(deployed);

  test(`the schema of ${type} accepts what the constructs write`, () => {
    assert.equal(cases.length, builds.length);
    for (const properties of cases) {
      assert.ok(accepts(properties), JSON.stringify([accepts.errors, properties], null, 1));
    }
  });

  test(`the constructs can set every property of ${type}`, () => {
    const set = new Set(cases.flatMap((properties) => paths(properties)));
    const unset = pathsOf(schema).filter((path) => !set.has(path));
    assert.deepEqual(unset, type === TARGET ? LEFT_OUT : []);
  });
}

test("the constructs accept a predefined metric for the same dimensions as the schema", () => {
  const { schema, accepts } = schemaOf(TARGET);
  const policy = schema.properties.ScalingPolicies.items.properties.TargetTrackingScalingPolicyConfiguration;
  const known = policy.properties.PredefinedMetricSpecification.properties.PredefinedMetricType.enum;
  const metrics = Object.values(SageMakerMetric);
  assert.deepEqual(metrics.sort(), known.sort());
  for (const target of [
    INSTANCES,
    ScalingTarget.variantProvisionedConcurrency("endpoint", "variant"),
    ScalingTarget.inferenceComponentCopyCount("component"),
  ]) {
    const scaling = (stack: Stack) => new SageMakerScaling(stack, "Scaling", { target, ...LIMITS });
    const [properties] = propertiesOf(TARGET, scaling).map(deployed);
    for (const predefinedMetric of metrics) {
      const PredefinedMetricSpecification = { PredefinedMetricType: predefinedMetric };
      const TargetTrackingScalingPolicyConfiguration = { TargetValue: 1, PredefinedMetricSpecification };
      const ScalingPolicies = [
        { PolicyName: "Policy", PolicyType: "TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration },
      ];
      const build = () =>
        propertiesOf(TARGET, (stack) =>
          scaling(stack).scaleToTrackMetric("Policy", { predefinedMetric, targetValue: 1 }),
        ).map(deployed);
      if (accepts({ ...properties, ScalingPolicies })) {
        assert.deepEqual(build(), [{ ...properties, ScalingPolicies }]);
      } else {
        assert.throws(build, /which fit sagemaker:/);
      }
    }
  }
});

/** The schema of a type, and a function that validates properties. */
function schemaOf(type: string): { schema: Json; accepts: ValidateFunction } {
  const schema = JSON.parse(readFileSync(join(SCHEMAS, `${type.toLowerCase().replace("::", "-")}.json`), "utf8"));
  // The schemas have keywords of their own, such as errorMessage.
  return { schema, accepts: new Ajv({ strict: false }).compile(schema) };
}

/** Properties with a value for each intrinsic function, as the function gets them. */
function deployed(properties: Json): Json {
  const ServiceToken = "arn:aws:lambda:us-east-1:111122223333:function:scaling";
  const UpdateGate = properties.UpdateGate && "endpoint/endpoint/config/config|update-gate";
  return { ...properties, ServiceToken, ...(UpdateGate && { UpdateGate }) };
}

/** The paths of all properties of a value. */
function paths(value: Json, prefix = ""): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item) => paths(item, prefix));
  }
  return value instanceof Object
    ? Object.entries(value).flatMap(([name, below]) => [`${prefix}${name}`, ...paths(below, `${prefix}${name}.`)])
    : [];
}

/** The paths of all properties that a schema knows. */
function pathsOf(schema: Json, prefix = ""): string[] {
  return Object.entries<Json>(schema.properties ?? {}).flatMap(([name, below]) => [
    `${prefix}${name}`,
    ...pathsOf(below.items ?? below, `${prefix}${name}.`),
  ]);
}
