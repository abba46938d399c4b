import {
  App,
  CfnParameter,
  Duration,
  Stack,
  TimeZone,
  aws_applicationautoscaling as autoscaling,
  aws_cloudwatch as cloudwatch,
} from "aws-cdk-lib";
import { Construct } from "constructs";
import {
  IScalingProvider,
  SageMakerMetric,
  SageMakerScaling,
  ScaledEndpoint,
  ScalingFunction,
  ScalingTarget,
} from "../src";

/** Every kind of scaling, beside its endpoint. app.py makes the same. */
class Endpoints extends Stack {
  /** The endpoint whose second variant `OtherStack` scales. */
  readonly endpoint: ScaledEndpoint;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const mostInstances = new CfnParameter(this, "MostInstances", { type: "Number", default: 4 }).valueAsNumber;
    this.endpoint = this.realTime(mostInstances);
    this.asynchronous();
    this.serverless();
    this.inferenceComponent();
  }

  private realTime(maxCapacity: number): ScaledEndpoint {
    const endpoint = new ScaledEndpoint(this, "RealTime", {
      endpointName: "real-time",
      config: {
        productionVariants: [
          { variantName: "Small", modelName: "model", instanceType: "ml.m5.large", initialInstanceCount: 1 },
          { variantName: "Large", modelName: "model", instanceType: "ml.m5.xlarge", initialInstanceCount: 1 },
        ],
      },
      includeOtherStacks: true,
    });
    const scaling = endpoint.scaleVariant("Small", { variantName: "Small", minCapacity: 1, maxCapacity });
    scaling.scaleToTrackMetric("Invocations", {
      predefinedMetric: SageMakerMetric.VARIANT_INVOCATIONS_PER_INSTANCE,
      targetValue: 70,
      scaleInCooldown: Duration.minutes(10),
    });
    const dimensionsMap = { EndpointName: "real-time", VariantName: "Small" };
    const latency = new cloudwatch.Metric({ namespace: "AWS/SageMaker", metricName: "ModelLatency", dimensionsMap });
    scaling.scaleOnAlarm("Latency", {
      alarm: new cloudwatch.Alarm(this, "Slow", { metric: latency, threshold: 200000, evaluationPeriods: 3 }),
      adjustmentType: autoscaling.AdjustmentType.PERCENT_CHANGE_IN_CAPACITY,
      minAdjustmentMagnitude: 1,
      cooldown: Duration.minutes(2),
      steps: [
        { lowerBound: 0, upperBound: 50000, adjustment: 10 },
        { lowerBound: 50000, adjustment: 30 },
      ],
    });
    scaling.scaleOnSchedule("Morning", {
      schedule: autoscaling.Schedule.cron({ weekDay: "MON-FRI", hour: "7", minute: "0" }),
      timeZone: TimeZone.EUROPE_BERLIN,
      startTime: new Date(Date.UTC(2030, 0, 1)),
      minCapacity: 2,
    });
    return endpoint;
  }

  private asynchronous(): void {
    const endpoint = new ScaledEndpoint(this, "Asynchronous", {
      endpointName: "asynchronous",
      config: {
        productionVariants: [
          { variantName: "Main", modelName: "model", instanceType: "ml.m5.large", initialInstanceCount: 1 },
        ],
        asyncInferenceConfig: { outputConfig: { s3OutputPath: "s3://results/answers" } },
      },
    });
    const backlog = new cloudwatch.MathExpression({
      expression: "FILL(backlog, 0)",
      usingMetrics: {
        backlog: new cloudwatch.Metric({
          namespace: "AWS/SageMaker",
          metricName: "ApproximateBacklogSizePerInstance",
          dimensionsMap: { EndpointName: "asynchronous" },
        }),
      },
    });
    endpoint
      .scaleVariant("Scaling", { variantName: "Main", minCapacity: 0, maxCapacity: 4 })
      .scaleToTrackMetric("Backlog", { customMetric: backlog, targetValue: 5 });
  }

  private serverless(): void {
    const endpoint = new ScaledEndpoint(this, "Serverless", {
      endpointName: "serverless",
      config: {
        productionVariants: [
          {
            variantName: "Main",
            modelName: "model",
            serverlessConfig: { maxConcurrency: 20, memorySizeInMb: 2048, provisionedConcurrency: 1 },
          },
        ],
      },
    });
    endpoint
      .scaleVariant("Scaling", { variantName: "Main", minCapacity: 1, maxCapacity: 10 })
      .scaleToTrackMetric("Utilization", {
        predefinedMetric: SageMakerMetric.VARIANT_PROVISIONED_CONCURRENCY_UTILIZATION,
        targetValue: 0.7,
      });
  }

  private inferenceComponent(): void {
    const scaling = new SageMakerScaling(this, "Component", {
      target: ScalingTarget.inferenceComponentCopyCount("component"),
      minCapacity: 0,
      maxCapacity: 4,
      tags: { team: "search" },
    });
    scaling.scaleToTrackMetric("Invocations", {
      predefinedMetric: SageMakerMetric.INFERENCE_COMPONENT_INVOCATIONS_PER_COPY,
      targetValue: 5,
    });
  }
}

/** The function. */
class Provider extends Stack {
  readonly provider = new ScalingFunction(this, "Function", { packageDirectory: "build/package" });
}

/** The scaling of an endpoint of another stack, with a function of a third one. */
class OtherStack extends Stack {
  constructor(scope: Construct, id: string, provider: IScalingProvider, endpoint: ScaledEndpoint) {
    super(scope, id);
    new SageMakerScaling(this, "Scaling", {
      provider,
      target: ScalingTarget.variantInstanceCount(endpoint.endpointName, "Large"),
      minCapacity: 1,
      maxCapacity: 2,
    });
  }
}

const app = new App();
const endpoints = new Endpoints(app, "endpoints");
const { provider } = new Provider(app, "provider");
new OtherStack(app, "other-stack", provider, endpoints.endpoint);
app.synth();
