/** What Application Auto Scaling scales: a property of a production variant or of an inference component. */
export class ScalingTarget {
  /**
   * The number of instances of a production variant.
   *
   * @param endpointName the endpoint's name, or its ARN
   * @param variantName the production variant
   */
  public static variantInstanceCount(endpointName: string, variantName: string): ScalingTarget {
    return new ScalingTarget("sagemaker:variant:DesiredInstanceCount", {
      EndpointName: endpointName,
      VariantName: variantName,
    });
  }

  /**
   * The provisioned concurrency of a serverless production variant.
   *
   * @param endpointName the endpoint's name, or its ARN
   * @param variantName the production variant
   */
  public static variantProvisionedConcurrency(endpointName: string, variantName: string): ScalingTarget {
    const dimension = "sagemaker:variant:DesiredProvisionedConcurrency";
    return new ScalingTarget(dimension, {
      EndpointName: endpointName,
      VariantName: variantName,
      ScalableDimension: dimension,
    });
  }

  /**
   * The number of copies of an inference component.
   *
   * @param inferenceComponentName the inference component's name, or its ARN
   */
  public static inferenceComponentCopyCount(inferenceComponentName: string): ScalingTarget {
    return new ScalingTarget("sagemaker:inference-component:DesiredCopyCount", {
      InferenceComponentName: inferenceComponentName,
    });
  }

  /** The scalable dimension, as Application Auto Scaling names it. */
  public readonly scalableDimension: string;

  /**
   * The properties that name the target.
   *
   * @internal
   */
  public readonly _properties: { [name: string]: string };

  /**
   * Whether the target may be one that can scale to zero.
   *
   * @internal
   */
  public readonly _canScaleToZero: boolean;

  private constructor(
    scalableDimension: string,
    properties: { [name: string]: string },
    canScaleToZero: boolean = true,
  ) {
    this.scalableDimension = scalableDimension;
    this._properties = properties;
    this._canScaleToZero = canScaleToZero;
  }

  /**
   * The same target, of a resource that cannot scale to zero.
   *
   * @internal
   */
  public _withoutZero(): ScalingTarget {
    return new ScalingTarget(this.scalableDimension, this._properties, false);
  }
}
