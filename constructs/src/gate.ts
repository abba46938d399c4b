import { CfnOutput, CustomResource, Stack } from "aws-cdk-lib";
import { Construct } from "constructs";
import { ProviderOptions, resourceOf } from "./provider";

/** Properties of an `EndpointUpdateGate`. */
export interface EndpointUpdateGateProps extends ProviderOptions {
  /** The name of the endpoint as text, because the gate is created before the endpoint. */
  readonly endpointName: string;

  /** The name of the configuration that the endpoint shall run. */
  readonly endpointConfigName: string;

  /**
   * Whether the gate may also deregister targets that other stacks of this function own. It restores them.
   *
   * @default false
   */
  readonly includeOtherStacks?: boolean;
}

/**
 * Lets an endpoint update succeed while its variants are registered as scalable targets.
 *
 * Before the update, the gate takes a snapshot of each target that blocks it, and deregisters the target. After the update, it
 * restores the targets. `ScaledEndpoint` puts a gate before its endpoint.
 */
export class EndpointUpdateGate extends Construct {
  /** The name of the configuration. As that of the endpoint, it makes CloudFormation update the gate first. */
  public readonly endpointConfigName: string;

  private readonly resource: CustomResource;

  constructor(scope: Construct, id: string, props: EndpointUpdateGateProps) {
    super(scope, id);
    this.resource = resourceOf(this, "Custom::SageMakerEndpointUpdateGate", props, {
      EndpointName: props.endpointName,
      EndpointConfigName: props.endpointConfigName,
      IncludeOtherStacks: props.includeOtherStacks,
    });
    this.endpointConfigName = this.resource.getAttString("EndpointConfigName");
    this.node.addValidation({ validate: () => this.exports() });
  }

  /**
   * The id, for a `SageMakerScaling` in the same stack.
   *
   * @internal
   */
  public get _id(): string {
    return this.resource.ref;
  }

  /** Reports each output that exports a value of this gate. The CDK adds one for a reference from another stack. */
  private exports(): string[] {
    const stack = Stack.of(this);
    const changing = [this._id, this.endpointConfigName].map((value) => JSON.stringify(stack.resolve(value)));
    return stack.node
      .findAll()
      .filter((found): found is CfnOutput => found instanceof CfnOutput && found.exportName !== undefined)
      .filter((output) => changing.some((value) => JSON.stringify(stack.resolve(output.value)).includes(value)))
      .map(({ node }) => `${node.path} exports a value of this gate. ${NO_EXPORT}`);
  }
}

/** Why a resource of another stack must not refer to a gate, and what to do instead. */
export const NO_EXPORT =
  "The id and the endpointConfigName of a gate change with each configuration, and CloudFormation refuses to change an " +
  "export in use. For scaling in another stack, set includeOtherStacks on the gate, and leave updateGate out";
