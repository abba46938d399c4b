import { CustomResource, Duration, Fn, Token, Validations } from "aws-cdk-lib";
import { aws_s3_assets as assets, aws_sam as sam } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { Construct } from "constructs";
import * as fs from "fs";
import * as path from "path";
import { fail } from "./validation";

/** The function that carries out the requests of both resource types. */
export interface IScalingProvider {
  /** The ARN of the function, or of an SNS topic that it subscribes to. */
  readonly serviceToken: string;
}

/** What every resource of the function has. */
export interface ProviderOptions {
  /**
   * The function.
   *
   * @default ScalingProvider.fromExport()
   */
  readonly provider?: IScalingProvider;

  /**
   * How long CloudFormation waits for an answer, up to an hour. The function waits for the endpoint as long.
   *
   * @default Duration.seconds(3000)
   */
  readonly serviceTimeout?: Duration;
}

/** A function that is already deployed. */
export class ScalingProvider implements IScalingProvider {
  /**
   * The function of this account and Region, by the export of its stack.
   *
   * @param exportName the `ExportName` with which `template.yaml` was deployed
   */
  public static fromExport(exportName: string = "sagemaker-scaling-ServiceToken"): ScalingProvider {
    return new ScalingProvider(Fn.importValue(exportName));
  }

  /**
   * The function by its ARN, or by the ARN of an SNS topic that it subscribes to.
   *
   * @param arn the ARN
   */
  public static fromArn(arn: string): ScalingProvider {
    return new ScalingProvider(arn);
  }

  public readonly serviceToken: string;

  private constructor(serviceToken: string) {
    this.serviceToken = serviceToken;
  }
}

/** Properties of a `ScalingFunction`. */
export interface ScalingFunctionProps {
  /** The folder of an unpacked package, such as `sagemaker-scaling-arm64`. */
  readonly packageDirectory: string;

  /**
   * New defaults of parameters of `template.yaml`, such as `Timeout`. All values are text.
   *
   * @default - the defaults of `template.yaml`
   */
  readonly parameters?: { [name: string]: string };
}

/**
 * Deploys the function with its role, queue and alarms.
 *
 * It includes the `template.yaml` of the package, with all parameters and outputs. The export that the parameter `ExportName`
 * names can exist once in a Region.
 */
export class ScalingFunction extends Construct implements IScalingProvider {
  public readonly serviceToken: string;

  constructor(scope: Construct, id: string, props: ScalingFunctionProps) {
    super(scope, id);
    const [templateFile, codeFile] = ["template.yaml", "bootstrap.zip"].map((name) => {
      const file = path.join(props.packageDirectory, name);
      if (!fs.existsSync(file)) {
        fail(this, `packageDirectory: ${path.resolve(file)} does not exist; name the folder of an unpacked package`);
      }
      return file;
    });
    const template = new CfnInclude(this, "Template", { templateFile, preserveLogicalIds: false });
    const reason = "The default of AlarmTopicArn is empty, and these rules ignore the condition that excludes it";
    for (const rule of ["F3033", "W1030"]) {
      Validations.of(template).acknowledge({ id: `CloudFormation-Validate::${rule}`, reason });
    }
    for (const [name, value] of Object.entries(props.parameters ?? {})) {
      try {
        template.getParameter(name).default = value;
      } catch {
        fail(this, `parameters: template.yaml has no parameter ${name}`);
      }
    }
    const code = new assets.Asset(this, "Code", { path: codeFile });
    const resource = template.getResource("Function") as sam.CfnFunction;
    resource.codeUri = { bucket: code.s3BucketName, key: code.s3ObjectKey };
    // As an override, because the type of this property requires OnSuccess, which is optional (aws-cdk-lib 2.275.0).
    resource.addPropertyOverride("EventInvokeConfig", inPascalCase(resource.eventInvokeConfig));
    resource.eventInvokeConfig = undefined;
    this.serviceToken = resource.getAtt("Arn").toString();
  }
}

/** A resource of the function. */
export function resourceOf(
  scope: Construct,
  resourceType: string,
  { provider = ScalingProvider.fromExport(), serviceTimeout = Duration.seconds(3000) }: ProviderOptions,
  properties: { [name: string]: unknown },
): CustomResource {
  return new CustomResource(scope, "Resource", {
    serviceToken: provider.serviceToken,
    serviceTimeout,
    resourceType,
    properties,
  });
}

/** An object with its keys as a template has them. */
function inPascalCase(value: unknown): unknown {
  if (Token.isUnresolved(value) || typeof value !== "object" || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, below]) => [key[0].toUpperCase() + key.slice(1), inPascalCase(below)]),
  );
}
