// Registers a variant as a scalable target: an onEvent handler for the CDK's provider framework, as its documentation
// shows one.

const { ApplicationAutoScaling, ObjectNotFoundException } = require("@aws-sdk/client-application-auto-scaling");

const scaling = new ApplicationAutoScaling();

exports.handler = async (event) => {
  const { EndpointName, VariantName, MinCapacity, MaxCapacity } = event.ResourceProperties;
  const target = {
    ServiceNamespace: "sagemaker",
    ScalableDimension: "sagemaker:variant:DesiredInstanceCount",
    ResourceId: `endpoint/${EndpointName}/variant/${VariantName}`,
  };
  switch (event.RequestType) {
    case "Create":
    case "Update": {
      const limits = { MinCapacity: Number(MinCapacity), MaxCapacity: Number(MaxCapacity) };
      const { ScalableTargetARN } = await scaling.registerScalableTarget({ ...target, ...limits });
      return { PhysicalResourceId: target.ResourceId, Data: { ScalableTargetARN } };
    }
    case "Delete":
      try {
        await scaling.deregisterScalableTarget(target);
      } catch (error) {
        if (!(error instanceof ObjectNotFoundException)) throw error;
      }
      return {};
    default:
      throw new Error(`unknown request type ${event.RequestType}`);
  }
};
