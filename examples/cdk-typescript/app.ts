import { App, CfnParameter, CustomResource, Duration, Fn, Stack, aws_sagemaker as sagemaker } from "aws-cdk-lib";
import { Construct } from "constructs";

/** An endpoint that scales, and that can be updated while it scales. */
class ScaledEndpoint extends Stack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    const endpointName = new CfnParameter(this, "EndpointName").valueAsString;
    const modelName = new CfnParameter(this, "ModelName").valueAsString;

    // It has no name, so CloudFormation gives a changed configuration a new name.
    const config = new sagemaker.CfnEndpointConfig(this, "Config", {
      productionVariants: [
        { variantName: "AllTraffic", modelName, instanceType: "ml.m5.large", initialInstanceCount: 1 },
      ],
    });
    const gate = this.custom("Gate", "Custom::SageMakerEndpointUpdateGate", {
      EndpointName: endpointName,
      EndpointConfigName: config.attrEndpointConfigName,
    });
    const endpoint = new sagemaker.CfnEndpoint(this, "Endpoint", {
      endpointName,
      // Passes through the gate, so CloudFormation updates the gate first.
      endpointConfigName: gate.getAttString("EndpointConfigName"),
      retainAllVariantProperties: true,
    });
    this.custom("Scaling", "Custom::SageMakerScalableTarget", {
      EndpointName: endpoint.attrEndpointName,
      VariantName: "AllTraffic",
      UpdateGate: gate.ref,
      MinCapacity: 1,
      MaxCapacity: 4,
      ScalingPolicies: [
        {
          PolicyName: "Invocations",
          PolicyType: "TargetTrackingScaling",
          TargetTrackingScalingPolicyConfiguration: {
            TargetValue: 70,
            PredefinedMetricSpecification: { PredefinedMetricType: "SageMakerVariantInvocationsPerInstance" },
          },
        },
      ],
    });
  }

  /** A resource of the function that template.yaml deploys. */
  private custom(id: string, resourceType: string, properties: Record<string, unknown>): CustomResource {
    return new CustomResource(this, id, {
      serviceToken: Fn.importValue("sagemaker-scaling-ServiceToken"),
      serviceTimeout: Duration.seconds(3000),
      resourceType,
      properties,
    });
  }
}

const app = new App();
new ScaledEndpoint(app, "scaled-endpoint");
app.synth();
