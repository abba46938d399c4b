import { Stack, Token, TokenComparison, aws_cloudwatch as cloudwatch } from "aws-cdk-lib";
import { Construct } from "constructs";
import { fail } from "./validation";

/** The predefined metrics of SageMaker. Each fits one scalable dimension. */
export enum SageMakerMetric {
  /** For instances: the invocations of each instance in a minute. */
  VARIANT_INVOCATIONS_PER_INSTANCE = "SageMakerVariantInvocationsPerInstance",
  /** For instances: the concurrent requests of each model, in high resolution. */
  VARIANT_CONCURRENT_REQUESTS_PER_MODEL_HIGH_RESOLUTION = "SageMakerVariantConcurrentRequestsPerModelHighResolution",
  /** For provisioned concurrency: how much of it is used, from 0 to 1. */
  VARIANT_PROVISIONED_CONCURRENCY_UTILIZATION = "SageMakerVariantProvisionedConcurrencyUtilization",
  /** For copies of an inference component: the invocations of each copy in a minute. */
  INFERENCE_COMPONENT_INVOCATIONS_PER_COPY = "SageMakerInferenceComponentInvocationsPerCopy",
  /** For copies of an inference component: the concurrent requests of each copy, in high resolution. */
  INFERENCE_COMPONENT_CONCURRENT_REQUESTS_PER_COPY_HIGH_RESOLUTION = "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
}

/** The metrics that fit a scalable dimension. */
const METRICS: { [scalableDimension: string]: SageMakerMetric[] } = {
  "sagemaker:variant:DesiredInstanceCount": [
    SageMakerMetric.VARIANT_INVOCATIONS_PER_INSTANCE,
    SageMakerMetric.VARIANT_CONCURRENT_REQUESTS_PER_MODEL_HIGH_RESOLUTION,
  ],
  "sagemaker:variant:DesiredProvisionedConcurrency": [SageMakerMetric.VARIANT_PROVISIONED_CONCURRENCY_UTILIZATION],
  "sagemaker:inference-component:DesiredCopyCount": [
    SageMakerMetric.INFERENCE_COMPONENT_INVOCATIONS_PER_COPY,
    SageMakerMetric.INFERENCE_COMPONENT_CONCURRENT_REQUESTS_PER_COPY_HIGH_RESOLUTION,
  ],
};

/** The `PredefinedMetricSpecification` of a metric. */
export function predefinedMetric(scope: Construct, dimension: string, metric: SageMakerMetric) {
  const fitting = METRICS[dimension];
  if (!fitting.includes(metric)) {
    fail(scope, `predefinedMetric: expected one of ${fitting.join(", ")}, which fit ${dimension}, found ${metric}`);
  }
  return { PredefinedMetricType: metric };
}

/** The statistics of a metric that is not part of an expression. */
const STATISTICS = ["Average", "Maximum", "Minimum", "SampleCount", "Sum"];

/** The `CustomizedMetricSpecification` of a metric. */
export function customMetric(scope: Construct, metric: cloudwatch.IMetric) {
  const { metricStat } = metric.toMetricConfig();
  if (metricStat && STATISTICS.includes(metricStat.statistic)) {
    checkOrigin(scope, metricStat.account, metricStat.region);
    return { ...metricOf(metricStat), Statistic: metricStat.statistic, Unit: metricStat.unitFilter };
  }
  const used = new Map<string, cloudwatch.IMetric>();
  collect(metric, used);
  let tracked = "tracked";
  while (used.has(tracked)) {
    tracked += "_";
  }
  return {
    Metrics: [...Array.from(used, ([id, each]) => query(scope, id, each, false)), query(scope, tracked, metric, true)],
  };
}

/** Collects the metrics that an expression uses, at every depth. `MathExpression` has checked that their ids are unique. */
function collect(metric: cloudwatch.IMetric, used: Map<string, cloudwatch.IMetric>): void {
  for (const [id, each] of Object.entries(metric.toMetricConfig().mathExpression?.usingMetrics ?? {})) {
    collect(each, used);
    used.set(id, each);
  }
}

function query(scope: Construct, id: string, metric: cloudwatch.IMetric, returnData: boolean) {
  const { mathExpression, metricStat, renderingProperties } = metric.toMetricConfig();
  const common = { Id: id, Label: renderingProperties?.label, ReturnData: returnData };
  if (mathExpression) {
    checkOrigin(scope, mathExpression.searchAccount, mathExpression.searchRegion);
    return { ...common, Expression: mathExpression.expression };
  }
  if (!metricStat) {
    return fail(scope, "customMetric: expected a metric or a math expression, found a search expression");
  }
  checkOrigin(scope, metricStat.account, metricStat.region);
  const { statistic, unitFilter } = metricStat;
  return { ...common, MetricStat: { Metric: metricOf(metricStat), Stat: statistic, Unit: unitFilter } };
}

function metricOf({ dimensions, metricName, namespace }: cloudwatch.MetricStatConfig) {
  return {
    Dimensions: dimensions?.map(({ name, value }) => ({ Name: name, Value: value })),
    MetricName: metricName,
    Namespace: namespace,
  };
}

/** Application Auto Scaling has no property for the account or the Region of a metric. */
function checkOrigin(scope: Construct, account: string | undefined, region: string | undefined): void {
  const stack = Stack.of(scope);
  for (const [name, of, expected] of [
    ["account", account, stack.account],
    ["Region", region, stack.region],
  ] as const) {
    if (of !== undefined && Token.compareStrings(of, expected) === TokenComparison.DIFFERENT) {
      fail(scope, `customMetric: expected a metric of ${name} ${expected}, found one of ${of}`);
    }
  }
}
