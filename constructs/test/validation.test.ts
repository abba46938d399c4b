import { App, CfnOutput, CfnParameter, Duration, Fn, Lazy, NestedStack, Stack } from "aws-cdk-lib";
import { aws_applicationautoscaling as autoscaling, aws_cloudwatch as cloudwatch } from "aws-cdk-lib";
import * as assert from "node:assert/strict";
import { test } from "node:test";
import { EndpointUpdateGate, SageMakerMetric, SageMakerScaling, SageMakerScalingProps } from "../src";
import { ScaledEndpoint, ScalingTarget, StepScalingProps } from "../src";
import { propertiesOf, TARGET, template } from "./synthesis";

const LIMITS = { minCapacity: 1, maxCapacity: 4 };
const COPIES = ScalingTarget.inferenceComponentCopyCount("component");
const INSTANCES = ScalingTarget.variantInstanceCount("endpoint", "variant");
const SCHEDULE = autoscaling.Schedule.at(new Date(Date.UTC(2030, 0, 1)));
const METRIC = { namespace: "N", metricName: "M" };
const VARIANT = { variantName: "One", modelName: "model", instanceType: "ml.m5.large", initialInstanceCount: 1 };

function scaling(stack: Stack, props: Partial<SageMakerScalingProps> = {}): SageMakerScaling {
  return new SageMakerScaling(stack, "Scaling", { target: INSTANCES, ...LIMITS, ...props });
}

function gate(stack: Stack): EndpointUpdateGate {
  return new EndpointUpdateGate(stack, "Gate", { endpointName: "endpoint", endpointConfigName: "config" });
}

function alarm(stack: Stack): cloudwatch.Alarm {
  return new cloudwatch.Alarm(stack, "Alarm", {
    metric: new cloudwatch.Metric(METRIC),
    threshold: 1,
    evaluationPeriods: 1,
  });
}

function endpoint(stack: Stack, config: object = {}): ScaledEndpoint {
  return new ScaledEndpoint(stack, "Endpoint", {
    endpointName: "endpoint",
    config: { productionVariants: [VARIANT], ...config },
  });
}

function steps(stack: Stack, adjustments: autoscaling.AdjustmentTier[], props: Partial<StepScalingProps> = {}): void {
  scaling(stack).scaleOnAlarm("Steps", {
    alarm: alarm(stack),
    adjustmentType: autoscaling.AdjustmentType.CHANGE_IN_CAPACITY,
    steps: adjustments,
    ...props,
  });
}

function track(stack: Stack, customMetric: cloudwatch.IMetric): void {
  scaling(stack).scaleToTrackMetric("Policy", { customMetric, targetValue: 1 });
}

const NO_EXPORT =
  "The id and the endpointConfigName of a gate change with each configuration, and CloudFormation refuses to change an " +
  "export in use. For scaling in another stack, set includeOtherStacks on the gate, and leave updateGate out";

const MISTAKES: [sentence: string, build: (stack: Stack) => void, message: string][] = [
  [
    "a capacity is a whole number",
    (stack) => scaling(stack, { minCapacity: 1.5 }),
    "Stack/Scaling: minCapacity: expected a whole number from 0 to 2147483647, found 1.5",
  ],
  [
    "the maximum is at least 1",
    (stack) => scaling(stack, { minCapacity: 0, maxCapacity: 0 }),
    "Stack/Scaling: maxCapacity: expected a whole number from 1 to 2147483647, found 0",
  ],
  [
    "the minimum is at most the maximum",
    (stack) => scaling(stack, { minCapacity: 5 }),
    "Stack/Scaling: minCapacity: expected at most maxCapacity, 4, found 5",
  ],
  [
    "an inference component has no gate",
    (stack) => scaling(stack, { target: COPIES, updateGate: gate(stack) }),
    "Stack/Scaling: updateGate: leave it out; an inference component does not block an update of its endpoint",
  ],
  [
    "a gate is in the same stack",
    (stack) => scaling(new Stack(stack.node.root as App, "Other"), { updateGate: gate(stack) }),
    `Other/Scaling: updateGate: expected a gate of this stack, found Stack/Gate. ${NO_EXPORT}`,
  ],
  [
    "a nested stack is another stack",
    (stack) => scaling(new NestedStack(stack, "Nested"), { updateGate: gate(stack) }),
    `Stack/Nested/Scaling: updateGate: expected a gate of this stack, found Stack/Gate. ${NO_EXPORT}`,
  ],
  [
    "a policy has a metric",
    (stack) => scaling(stack).scaleToTrackMetric("Policy", { targetValue: 1 }),
    "Stack/Scaling/Policy: predefinedMetric: required if customMetric is missing; set one of the two",
  ],
  [
    "a policy has one metric",
    (stack) =>
      scaling(stack).scaleToTrackMetric("Policy", {
        predefinedMetric: SageMakerMetric.VARIANT_INVOCATIONS_PER_INSTANCE,
        customMetric: new cloudwatch.Metric(METRIC),
        targetValue: 1,
      }),
    "Stack/Scaling/Policy: predefinedMetric: cannot be set together with customMetric; remove one of the two",
  ],
  [
    "a predefined metric fits the dimension",
    (stack) =>
      scaling(stack).scaleToTrackMetric("Policy", {
        predefinedMetric: SageMakerMetric.INFERENCE_COMPONENT_INVOCATIONS_PER_COPY,
        targetValue: 1,
      }),
    "Stack/Scaling/Policy: predefinedMetric: expected one of SageMakerVariantInvocationsPerInstance, " +
      "SageMakerVariantConcurrentRequestsPerModelHighResolution, which fit sagemaker:variant:DesiredInstanceCount, " +
      "found SageMakerInferenceComponentInvocationsPerCopy",
  ],
  [
    "a metric is of the account",
    (stack) => {
      const metric = new cloudwatch.Metric({ ...METRIC, account: "999999999999" });
      track(new Stack(stack.node.root as App, "Other", { env: { account: "111122223333" } }), metric);
    },
    "Other/Scaling/Policy: customMetric: expected a metric of account 111122223333, found one of 999999999999",
  ],
  [
    "a metric in an expression is of the Region",
    (stack) => {
      const metric = new cloudwatch.Metric({ ...METRIC, region: "eu-west-1" });
      const expression = new cloudwatch.MathExpression({ expression: "m * 2", usingMetrics: { m: metric } });
      track(new Stack(stack.node.root as App, "Other", { env: { region: "us-east-1" } }), expression);
    },
    "Other/Scaling/Policy: customMetric: expected a metric of Region us-east-1, found one of eu-west-1",
  ],
  [
    "an expression searches in the account",
    (stack) => {
      const expression = new cloudwatch.MathExpression({ expression: "1 + 1", searchAccount: "999999999999" });
      track(new Stack(stack.node.root as App, "Other", { env: { account: "111122223333" } }), expression);
    },
    "Other/Scaling/Policy: customMetric: expected a metric of account 111122223333, found one of 999999999999",
  ],
  [
    "no policy tracks a search",
    (stack) => track(stack, new cloudwatch.SearchExpression({ expression: "SEARCH('{N} M', 'Sum')" })),
    "Stack/Scaling/Policy: customMetric: expected a metric or a math expression, found a search expression",
  ],
  [
    "the names of policies are unique",
    (stack) => {
      const target = scaling(stack);
      const metric = { customMetric: new cloudwatch.Metric(METRIC), targetValue: 1 };
      target.scaleToTrackMetric("One", metric);
      target.scaleToTrackMetric("Other", { ...metric, policyName: "One" });
    },
    "Stack/Scaling/Other: policyName: expected a name that no other policy of the target has, found One",
  ],
  [
    "an alarm is in the same stack",
    (stack) =>
      steps(stack, [{ lowerBound: 0, adjustment: 1 }], { alarm: alarm(new Stack(stack.node.root as App, "Other")) }),
    "Stack/Scaling/Steps: alarm: expected an alarm of this stack, found Other/Alarm; create it here. " +
      "The ARN of a policy changes with each restore, and CloudFormation refuses to change an export in use",
  ],
  ["there is a step", (stack) => steps(stack, []), "Stack/Scaling/Steps: steps: expected at least one step"],
  [
    "a step has a bound",
    (stack) => steps(stack, [{ adjustment: 1 }]),
    "Stack/Scaling/Steps: steps[0].lowerBound: required if upperBound is missing",
  ],
  [
    "a step has its bounds in order",
    (stack) => steps(stack, [{ lowerBound: 2, upperBound: 1, adjustment: 1 }]),
    "Stack/Scaling/Steps: steps[0].lowerBound: expected less than upperBound, 1, found 2",
  ],
  [
    "steps leave no gap",
    (stack) =>
      steps(stack, [
        { lowerBound: 20, adjustment: 2 },
        { lowerBound: 0, upperBound: 10, adjustment: 1 },
      ]),
    "Stack/Scaling/Steps: steps[0].lowerBound: expected 10, where the step below it ends, found 20",
  ],
  [
    "only the highest step has no upper bound",
    (stack) =>
      steps(stack, [
        { lowerBound: 0, adjustment: 1 },
        { lowerBound: 10, adjustment: 2 },
      ]),
    "Stack/Scaling/Steps: steps[0].upperBound: required, because another step begins above this one",
  ],
  [
    "only the lowest step has no lower bound",
    (stack) =>
      steps(stack, [
        { upperBound: -10, adjustment: -2 },
        { upperBound: 0, adjustment: -1 },
      ]),
    "Stack/Scaling/Steps: steps[1].lowerBound: required, because another step ends below this one",
  ],
  [
    "steps below the threshold have no lower end",
    (stack) => steps(stack, [{ lowerBound: -10, upperBound: 0, adjustment: -1 }]),
    "Stack/Scaling/Steps: steps[0].lowerBound: expected none on the lowest of steps that begin below 0, found -10",
  ],
  [
    "steps above the threshold have no upper end",
    (stack) => steps(stack, [{ lowerBound: 0, upperBound: 10, adjustment: 1 }]),
    "Stack/Scaling/Steps: steps[0].upperBound: expected none on the highest of steps that end above 0, found 10",
  ],
  [
    "an adjustment is a whole number",
    (stack) => steps(stack, [{ lowerBound: 0, adjustment: 0.5 }]),
    "Stack/Scaling/Steps: steps[0].adjustment: expected a whole number from -2147483648 to 2147483647, found 0.5",
  ],
  [
    "the least adjustment is a whole number",
    (stack) => steps(stack, [{ lowerBound: 0, adjustment: 1 }], { minAdjustmentMagnitude: -1 }),
    "Stack/Scaling/Steps: minAdjustmentMagnitude: expected a whole number from 0 to 2147483647, found -1",
  ],
  [
    "a scheduled action has a limit",
    (stack) => scaling(stack).scaleOnSchedule("Night", { schedule: SCHEDULE }),
    "Stack/Scaling/Night: minCapacity: required if maxCapacity is missing; set at least one of the two",
  ],
  [
    "a scheduled action has its limits in order",
    (stack) => scaling(stack).scaleOnSchedule("Night", { schedule: SCHEDULE, minCapacity: 2, maxCapacity: 1 }),
    "Stack/Scaling/Night: minCapacity: expected at most maxCapacity, 1, found 2",
  ],
  [
    "a scheduled action ends after its start",
    (stack) => {
      const [startTime, endTime] = [new Date(Date.UTC(2031, 0, 1)), new Date(Date.UTC(2030, 0, 1))];
      scaling(stack).scaleOnSchedule("Night", { schedule: SCHEDULE, minCapacity: 1, startTime, endTime });
    },
    "Stack/Scaling/Night: endTime: expected a time after startTime, 2031-01-01T00:00:00.000Z, found 2030-01-01T00:00:00.000Z",
  ],
  [
    "a scheduled action starts at a valid time",
    (stack) =>
      scaling(stack).scaleOnSchedule("Night", { schedule: SCHEDULE, minCapacity: 1, startTime: new Date("tomorrow") }),
    "Stack/Scaling/Night: startTime: expected a valid time, found Invalid Date",
  ],
  [
    "the configuration of a scaled endpoint has no name",
    (stack) => endpoint(stack, { endpointConfigName: "config" }),
    "Stack/Endpoint: config.endpointConfigName: leave it out; the gate recognizes a new configuration by its new name",
  ],
  [
    "a scaled variant exists",
    (stack) => endpoint(stack).scaleVariant("Scaling", { ...LIMITS, variantName: "Two" }),
    "Stack/Endpoint: variantName: expected One, found Two",
  ],
  [
    "a variant is scaled once",
    (stack) => {
      const created = endpoint(stack);
      created.scaleVariant("First", { ...LIMITS, variantName: "One" });
      created.scaleVariant("Second", { ...LIMITS, variantName: "One" });
    },
    "Stack/Endpoint: variantName: Stack/Endpoint/First scales One already",
  ],
  [
    "a real-time endpoint does not scale to zero",
    (stack) => endpoint(stack).scaleVariant("Scaling", { ...LIMITS, variantName: "One", minCapacity: 0 }),
    "Stack/Endpoint/Scaling: minCapacity: expected at least 1, found 0; only an asynchronous endpoint scales to zero instances",
  ],
  [
    "a real-time endpoint does not scale to zero at certain times",
    (stack) =>
      endpoint(stack)
        .scaleVariant("Scaling", { ...LIMITS, variantName: "One" })
        .scaleOnSchedule("Night", { schedule: SCHEDULE, minCapacity: 0 }),
    "Stack/Endpoint/Scaling/Night: minCapacity: expected at least 1, found 0; only an asynchronous endpoint scales to zero instances",
  ],
];

for (const [sentence, build, message] of MISTAKES) {
  test(sentence, () => assert.throws(() => template(build), { message }));
}

test("no output exports the id of a gate, whoever refers to it", () => {
  const id = (found: EndpointUpdateGate) => (found.node.findChild("Resource") as unknown as { ref: string }).ref;
  const exporting: ((stack: Stack) => void)[] = [
    (stack) => new CfnOutput(new Stack(stack.node.root as App, "Other"), "Id", { value: id(gate(stack)) }),
    (stack) => new CfnOutput(stack, "Id", { value: Fn.join("", ["of ", id(gate(stack))]), exportName: "id" }),
    (stack) => new CfnOutput(stack, "Config", { value: gate(stack).endpointConfigName, exportName: "config" }),
  ];
  for (const build of exporting) {
    assert.throws(
      () => template(build),
      ({ message }: Error) => {
        assert.match(message, /^ *\[Stack\/Gate\] Stack\/\S+ exports a value of this gate\. /m);
        return message.includes(NO_EXPORT);
      },
    );
  }
  template((stack) => new CfnOutput(stack, "Id", { value: id(gate(stack)) }));
});

test("tokens are not checked", () => {
  const [properties] = propertiesOf(TARGET, (stack) => {
    const number = new CfnParameter(stack, "Number", { type: "Number" }).valueAsNumber;
    const target = scaling(stack, {
      minCapacity: number,
      maxCapacity: Lazy.number({ produce: () => 3 }),
      serviceTimeout: Duration.seconds(number),
      target: ScalingTarget.variantInstanceCount(Fn.importValue("name"), new CfnParameter(stack, "Text").valueAsString),
    });
    const adjustmentType = autoscaling.AdjustmentType.CHANGE_IN_CAPACITY;
    target.scaleOnAlarm("Lower", {
      alarm: alarm(stack),
      adjustmentType,
      policyName: Lazy.string({ produce: () => "named" }),
      cooldown: Duration.seconds(number),
      minAdjustmentMagnitude: number,
      steps: [{ lowerBound: number, adjustment: number }],
    });
    const steps = [
      { lowerBound: 0, adjustment: 1 },
      { upperBound: number, adjustment: -1 },
    ];
    target.scaleOnAlarm("Upper", { alarm: stack.node.findChild("Alarm") as cloudwatch.Alarm, adjustmentType, steps });
    target.scaleOnSchedule("Night", { schedule: SCHEDULE, minCapacity: number, maxCapacity: 1 });
  });
  const number = { Ref: "Number" };
  assert.deepEqual(properties, {
    ServiceToken: { "Fn::ImportValue": "sagemaker-scaling-ServiceToken" },
    ServiceTimeout: number,
    EndpointName: { "Fn::ImportValue": "name" },
    VariantName: { Ref: "Text" },
    MinCapacity: number,
    MaxCapacity: 3,
    ScalingPolicies: [
      {
        PolicyName: "named",
        PolicyType: "StepScaling",
        StepScalingPolicyConfiguration: {
          AdjustmentType: "ChangeInCapacity",
          Cooldown: number,
          MinAdjustmentMagnitude: number,
          StepAdjustments: [{ MetricIntervalLowerBound: number, ScalingAdjustment: number }],
        },
      },
      {
        PolicyName: "Upper",
        PolicyType: "StepScaling",
        StepScalingPolicyConfiguration: {
          AdjustmentType: "ChangeInCapacity",
          StepAdjustments: [
            { MetricIntervalLowerBound: 0, ScalingAdjustment: 1 },
            { MetricIntervalUpperBound: number, ScalingAdjustment: -1 },
          ],
        },
      },
    ],
    ScheduledActions: [
      {
        ScheduledActionName: "Night",
        Schedule: "at(2030-01-01T00:00:00)",
        ScalableTargetAction: { MinCapacity: number, MaxCapacity: 1 },
      },
    ],
  });
});
