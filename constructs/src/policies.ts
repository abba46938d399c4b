import { Duration, Token, aws_applicationautoscaling as autoscaling, aws_cloudwatch as cloudwatch } from "aws-cdk-lib";
import { Construct } from "constructs";
import { SageMakerMetric, customMetric, predefinedMetric } from "./metrics";
import { checkWholeNumber, fail } from "./validation";

/** A policy that keeps a metric near a value. */
export interface TargetTrackingProps extends autoscaling.BaseTargetTrackingProps {
  /** The value to keep the metric near. */
  readonly targetValue: number;

  /**
   * A predefined metric that fits the target. Exactly one of this and `customMetric` is required.
   *
   * @default - the metric is `customMetric`
   */
  readonly predefinedMetric?: SageMakerMetric;

  /**
   * A metric of CloudWatch, or an expression of several. Exactly one of this and `predefinedMetric` is required.
   *
   * Application Auto Scaling does not use the metric's period.
   *
   * @default - the metric is `predefinedMetric`
   */
  readonly customMetric?: cloudwatch.IMetric;
}

/** A policy that scales in steps when an alarm goes off. */
export interface StepScalingProps {
  /** The alarm that invokes the policy, in the same stack. The bounds of the steps are relative to its threshold. */
  readonly alarm: cloudwatch.Alarm;

  /** How to apply the adjustment of a step. */
  readonly adjustmentType: autoscaling.AdjustmentType;

  /**
   * The steps, in any order. Together they cover all values below the threshold, all values above it, or both, without gaps.
   */
  readonly steps: autoscaling.AdjustmentTier[];

  /**
   * The name of the policy.
   *
   * @default - the id
   */
  readonly policyName?: string;

  /**
   * How long to wait for a scaling activity to take effect.
   *
   * @default Duration.minutes(5)
   */
  readonly cooldown?: Duration;

  /**
   * How to aggregate the metric of the alarm.
   *
   * @default MetricAggregationType.AVERAGE
   */
  readonly metricAggregationType?: autoscaling.MetricAggregationType;

  /**
   * The minimum to scale by if `adjustmentType` is `PERCENT_CHANGE_IN_CAPACITY`.
   *
   * @default - no minimum
   */
  readonly minAdjustmentMagnitude?: number;
}

/** A `TargetTrackingScalingPolicyConfiguration`. */
export function targetTracking(scope: Construct, dimension: string, props: TargetTrackingProps) {
  const { predefinedMetric: predefined, customMetric: customized } = props;
  if (!predefined && !customized) {
    fail(scope, "predefinedMetric: required if customMetric is missing; set one of the two");
  }
  if (predefined && customized) {
    fail(scope, "predefinedMetric: cannot be set together with customMetric; remove one of the two");
  }
  return {
    TargetValue: props.targetValue,
    PredefinedMetricSpecification: predefined && predefinedMetric(scope, dimension, predefined),
    CustomizedMetricSpecification: customized && customMetric(scope, customized),
    DisableScaleIn: props.disableScaleIn,
    ScaleInCooldown: props.scaleInCooldown?.toSeconds(),
    ScaleOutCooldown: props.scaleOutCooldown?.toSeconds(),
  };
}

/** A `StepScalingPolicyConfiguration`. */
export function stepScaling(scope: Construct, props: StepScalingProps) {
  checkWholeNumber(scope, "minAdjustmentMagnitude", props.minAdjustmentMagnitude, 0);
  checkSteps(scope, props.steps);
  return {
    AdjustmentType: props.adjustmentType,
    StepAdjustments: props.steps.map(({ adjustment, lowerBound, upperBound }) => ({
      MetricIntervalLowerBound: lowerBound,
      MetricIntervalUpperBound: upperBound,
      ScalingAdjustment: adjustment,
    })),
    Cooldown: props.cooldown?.toSeconds(),
    MetricAggregationType: props.metricAggregationType,
    MinAdjustmentMagnitude: props.minAdjustmentMagnitude,
  };
}

/**
 * Checks that the steps join up and reach far enough, unless a bound is a token.
 *
 * @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html
 */
function checkSteps(scope: Construct, steps: autoscaling.AdjustmentTier[]): void {
  if (steps.length === 0) {
    fail(scope, "steps: expected at least one step");
  }
  steps.forEach(({ adjustment }, index) =>
    checkWholeNumber(scope, `steps[${index}].adjustment`, adjustment, -(2 ** 31)),
  );
  if (steps.some(({ lowerBound, upperBound }) => Token.isUnresolved(lowerBound) || Token.isUnresolved(upperBound))) {
    return;
  }
  const sorted = steps
    .map(({ lowerBound = -Infinity, upperBound = Infinity }, index) => ({
      lowerBound,
      upperBound,
      path: `steps[${index}]`,
    }))
    .sort((one, other) => one.lowerBound - other.lowerBound || one.upperBound - other.upperBound);
  for (const { lowerBound, upperBound, path } of sorted) {
    if (lowerBound === -Infinity && upperBound === Infinity) {
      fail(scope, `${path}.lowerBound: required if upperBound is missing`);
    }
    if (lowerBound >= upperBound) {
      fail(scope, `${path}.lowerBound: expected less than upperBound, ${upperBound}, found ${lowerBound}`);
    }
  }
  sorted.slice(1).forEach(({ lowerBound, path }, index) => {
    const below = sorted[index];
    if (below.upperBound === Infinity) {
      fail(scope, `${below.path}.upperBound: required, because another step begins above this one`);
    }
    if (lowerBound === -Infinity) {
      fail(scope, `${path}.lowerBound: required, because another step ends below this one`);
    }
    if (lowerBound !== below.upperBound) {
      fail(
        scope,
        `${path}.lowerBound: expected ${below.upperBound}, where the step below it ends, found ${lowerBound}`,
      );
    }
  });
  const [lowest, highest] = [sorted[0], sorted[sorted.length - 1]];
  if (lowest.lowerBound > -Infinity && lowest.lowerBound < 0) {
    const expected = "expected none on the lowest of steps that begin below 0";
    fail(scope, `${lowest.path}.lowerBound: ${expected}, found ${lowest.lowerBound}`);
  }
  if (highest.upperBound < Infinity && highest.upperBound > 0) {
    const expected = "expected none on the highest of steps that end above 0";
    fail(scope, `${highest.path}.upperBound: ${expected}, found ${highest.upperBound}`);
  }
}
