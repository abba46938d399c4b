import { CustomResource, Lazy, Stack, Token, aws_applicationautoscaling as autoscaling } from "aws-cdk-lib";
import { Construct } from "constructs";
import { EndpointUpdateGate, NO_EXPORT } from "./gate";
import { StepScalingProps, TargetTrackingProps, stepScaling, targetTracking } from "./policies";
import { ProviderOptions, resourceOf } from "./provider";
import { scheduledAction } from "./schedules";
import { ScalingTarget } from "./target";
import { checkLimits, checkWholeNumber, fail } from "./validation";

/** How a target scales. */
export interface ScalingOptions {
  /**
   * The minimum number of instances, copies or units of concurrency. 0 is allowed for resources that can scale to zero: an
   * asynchronous endpoint, provisioned concurrency, an inference component.
   */
  readonly minCapacity: number;

  /** The maximum number of instances, copies or units of concurrency. */
  readonly maxCapacity: number;

  /**
   * The kinds of scaling that are suspended.
   *
   * @default - none
   */
  readonly suspendedState?: autoscaling.CfnScalableTarget.SuspendedStateProperty;

  /**
   * The tags of the scalable target.
   *
   * @default - only those that name the owner
   */
  readonly tags?: { [key: string]: string };

  /**
   * Whether the scalable target also gets the tags of its stack. Those in `tags` win.
   *
   * @default false
   */
  readonly propagateStackTags?: boolean;

  /**
   * Whether to adopt a target that is already registered, but is not owned by a stack of this function.
   *
   * @default false
   */
  readonly adoptExisting?: boolean;

  /**
   * The resource that owns the target, and from which this one takes it over: its logical id, or `STACK_NAME/LOGICAL_ID`.
   *
   * @default - the target is not taken over
   */
  readonly takeOverFrom?: string;
}

/** Properties of a `SageMakerScaling`. */
export interface SageMakerScalingProps extends ScalingOptions, ProviderOptions {
  /** What to scale. */
  readonly target: ScalingTarget;

  /**
   * The gate of the endpoint, in the same stack.
   *
   * @default - the endpoint has no gate in this stack
   */
  readonly updateGate?: EndpointUpdateGate;
}

/** Registers a production variant or an inference component with Application Auto Scaling. */
export class SageMakerScaling extends Construct {
  /** The id of the scalable target, as the native resource returns it. */
  public readonly scalableTargetId: string;

  private readonly actions: object[] = [];
  private readonly policies: { PolicyName: string }[] = [];
  private readonly resource: CustomResource;
  private readonly target: ScalingTarget;

  constructor(scope: Construct, id: string, props: SageMakerScalingProps) {
    super(scope, id);
    const { target, minCapacity, maxCapacity, suspendedState: suspended, tags, updateGate } = props;
    checkWholeNumber(this, "maxCapacity", maxCapacity, 1);
    checkLimits(this, { minCapacity, maxCapacity }, target._canScaleToZero);
    if (updateGate && target._properties.InferenceComponentName !== undefined) {
      fail(this, "updateGate: leave it out; an inference component does not block an update of its endpoint");
    }
    if (updateGate && Stack.of(updateGate) !== Stack.of(this)) {
      fail(this, `updateGate: expected a gate of this stack, found ${updateGate.node.path}. ${NO_EXPORT}`);
    }
    this.target = target;
    this.resource = resourceOf(this, "Custom::SageMakerScalableTarget", props, {
      ...target._properties,
      UpdateGate: updateGate?._id,
      MinCapacity: minCapacity,
      MaxCapacity: maxCapacity,
      ScalingPolicies: Lazy.any({ produce: () => this.policies }),
      ScheduledActions: Lazy.any({ produce: () => this.actions }),
      SuspendedState: suspended && {
        DynamicScalingInSuspended: suspended.dynamicScalingInSuspended,
        DynamicScalingOutSuspended: suspended.dynamicScalingOutSuspended,
        ScheduledScalingSuspended: suspended.scheduledScalingSuspended,
      },
      Tags: tags && Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      PropagateStackTags: props.propagateStackTags,
      AdoptExisting: props.adoptExisting,
      TakeOverFrom: props.takeOverFrom,
    });
    this.scalableTargetId = this.resource.ref;
  }

  /**
   * Scales in and out to keep a metric near a value.
   *
   * @param id the name of the policy, unless `policyName` is set
   * @param props the metric and the value
   */
  public scaleToTrackMetric(id: string, props: TargetTrackingProps): void {
    const scope = new Construct(this, id);
    this.addPolicy(scope, props.policyName ?? id, {
      PolicyType: "TargetTrackingScaling",
      TargetTrackingScalingPolicyConfiguration: targetTracking(scope, this.target.scalableDimension, props),
    });
  }

  /**
   * Scales in steps when an alarm goes off.
   *
   * @param id the name of the policy, unless `policyName` is set
   * @param props the alarm and the steps
   */
  public scaleOnAlarm(id: string, props: StepScalingProps): void {
    const scope = new Construct(this, id);
    if (Stack.of(props.alarm) !== Stack.of(this)) {
      const reason =
        "The ARN of a policy changes with each restore, and CloudFormation refuses to change an export in use";
      fail(scope, `alarm: expected an alarm of this stack, found ${props.alarm.node.path}; create it here. ${reason}`);
    }
    const name = props.policyName ?? id;
    this.addPolicy(scope, name, {
      PolicyType: "StepScaling",
      StepScalingPolicyConfiguration: stepScaling(scope, props),
    });
    // By its name, if possible: an answer that is too long leaves out the attributes by position first.
    const attribute = Token.isUnresolved(name) ? `PolicyARN${this.policies.length}` : `PolicyARN.${name}`;
    const alarmActionArn = this.resource.getAttString(attribute);
    props.alarm.addAlarmAction({ bind: () => ({ alarmActionArn }) });
  }

  /**
   * Changes the limits at certain times.
   *
   * @param id the name of the scheduled action
   * @param action the schedule and the limits
   */
  public scaleOnSchedule(id: string, action: autoscaling.ScalingSchedule): void {
    const scope = new Construct(this, id);
    this.actions.push(scheduledAction(scope, id, action, this.target._canScaleToZero));
  }

  private addPolicy(scope: Construct, name: string, configuration: object): void {
    if (this.policies.some(({ PolicyName }) => PolicyName === name)) {
      fail(scope, `policyName: expected a name that no other policy of the target has, found ${name}`);
    }
    this.policies.push({ PolicyName: name, ...configuration });
  }
}
