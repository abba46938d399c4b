export { EndpointUpdateGate, EndpointUpdateGateProps } from "./gate";
export { SageMakerMetric } from "./metrics";
export { StepScalingProps, TargetTrackingProps } from "./policies";
export { IScalingProvider, ProviderOptions, ScalingFunction, ScalingFunctionProps, ScalingProvider } from "./provider";
export { ScaledEndpoint, ScaledEndpointProps, ScaleVariantProps } from "./scaled-endpoint";
export { SageMakerScaling, SageMakerScalingProps, ScalingOptions } from "./scaling";
export { ScalingTarget } from "./target";
