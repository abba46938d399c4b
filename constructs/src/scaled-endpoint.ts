import { Stack, aws_sagemaker as sagemaker } from "aws-cdk-lib";
import { Construct } from "constructs";
import { EndpointUpdateGate } from "./gate";
import { ProviderOptions } from "./provider";
import { SageMakerScaling, ScalingOptions } from "./scaling";
import { ScalingTarget } from "./target";
import { fail } from "./validation";

/** Properties of a `ScaledEndpoint`. */
export interface ScaledEndpointProps extends ProviderOptions {
  /** The name of the endpoint as text, because the gate is created before the endpoint. Alarms of its deployment use it, too. */
  readonly endpointName: string;

  /**
   * The configuration, without `endpointConfigName`: CloudFormation then gives each configuration a new name, by which the gate
   * recognizes it.
   */
  readonly config: sagemaker.CfnEndpointConfigProps;

  /**
   * How an update shifts traffic and rolls back.
   *
   * @default - the default of SageMaker
   */
  readonly deploymentConfig?: sagemaker.CfnEndpoint.DeploymentConfigProperty;

  /**
   * Whether an update may also deregister targets that other stacks of this function own. It restores them.
   *
   * @default false
   */
  readonly includeOtherStacks?: boolean;
}

/** Properties of the scaling of a variant. */
export interface ScaleVariantProps extends ScalingOptions {
  /** The production variant, one of the configuration. */
  readonly variantName: string;
}

/** An endpoint that can be updated while it scales. It has its configuration, its update gate and its scaling. */
export class ScaledEndpoint extends Construct {
  /** The name of the endpoint, for resources that come after it. */
  public readonly endpointName: string;

  /** The endpoint's resource, with properties that this construct does not have. */
  public readonly cfnEndpoint: sagemaker.CfnEndpoint;

  /** The configuration's resource. */
  public readonly cfnEndpointConfig: sagemaker.CfnEndpointConfig;

  private readonly gate: EndpointUpdateGate;
  private readonly props: ScaledEndpointProps;
  private readonly scalings = new Map<string, SageMakerScaling>();

  constructor(scope: Construct, id: string, props: ScaledEndpointProps) {
    super(scope, id);
    if (props.config.endpointConfigName !== undefined) {
      fail(this, "config.endpointConfigName: leave it out; the gate recognizes a new configuration by its new name");
    }
    this.props = props;
    this.cfnEndpointConfig = new sagemaker.CfnEndpointConfig(this, "Config", props.config);
    this.gate = new EndpointUpdateGate(this, "Gate", {
      ...props,
      endpointConfigName: this.cfnEndpointConfig.attrEndpointConfigName,
    });
    this.cfnEndpoint = new sagemaker.CfnEndpoint(this, "Endpoint", {
      endpointName: props.endpointName,
      // Passes through the gate, so CloudFormation updates the gate first.
      endpointConfigName: this.gate.endpointConfigName,
      // An update keeps the instance count that scaling has set.
      retainAllVariantProperties: true,
      deploymentConfig: props.deploymentConfig,
    });
    this.endpointName = this.cfnEndpoint.attrEndpointName;
  }

  /**
   * Scales a production variant: its provisioned concurrency if it is serverless, otherwise its instances.
   *
   * @param id the id of the construct
   * @param props the variant and its limits
   */
  public scaleVariant(id: string, props: ScaleVariantProps): SageMakerScaling {
    const { variantName } = props;
    const other = this.scalings.get(variantName);
    if (other) {
      fail(this, `variantName: ${other.node.path} scales ${variantName} already`);
    }
    const { provider, serviceTimeout } = this.props;
    const target = this.targetOf(variantName);
    const scaling = new SageMakerScaling(this, id, {
      ...props,
      provider,
      serviceTimeout,
      target,
      updateGate: this.gate,
    });
    this.scalings.set(variantName, scaling);
    return scaling;
  }

  private targetOf(variantName: string): ScalingTarget {
    const { asyncInferenceConfig, productionVariants } = this.props.config;
    // Resolved, because they may be Lazy values. Variants of an intrinsic function are unknown.
    const { variants, name } = Stack.of(this).resolve({ variants: productionVariants, name: variantName });
    const known: sagemaker.CfnEndpointConfig.ProductionVariantProperty[] = Array.isArray(variants) ? variants : [];
    const names = known.map((each) => each.variantName);
    const variant = known[names.findIndex((each) => JSON.stringify(each) === JSON.stringify(name))];
    if (!variant && known.length > 0 && [name, ...names].every((each) => typeof each === "string")) {
      fail(this, `variantName: expected ${names.join(" or ")}, found ${name}`);
    }
    if (variant?.serverlessConfig) {
      return ScalingTarget.variantProvisionedConcurrency(this.endpointName, variantName);
    }
    const target = ScalingTarget.variantInstanceCount(this.endpointName, variantName);
    return variant && !asyncInferenceConfig ? target._withoutZero() : target;
  }
}
