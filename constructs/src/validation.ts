import { Token } from "aws-cdk-lib";
import { Construct } from "constructs";

const MAX_WHOLE_NUMBER = 2 ** 31 - 1;

interface Limits {
  readonly minCapacity?: number;
  readonly maxCapacity?: number;
}

/** Ends the synthesis with a mistake, and names the construct that has it. */
export function fail(scope: Construct, mistake: string): never {
  throw new Error(`${scope.node.path}: ${mistake}`);
}

/** Checks a whole number, unless it is a token. */
export function checkWholeNumber(scope: Construct, name: string, value: number | undefined, from: number): void {
  if (value === undefined || Token.isUnresolved(value)) {
    return;
  }
  if (!Number.isInteger(value) || value < from || value > MAX_WHOLE_NUMBER) {
    fail(scope, `${name}: expected a whole number from ${from} to ${MAX_WHOLE_NUMBER}, found ${value}`);
  }
}

/** Checks the limits of a target or of a scheduled action, unless they are tokens. */
export function checkLimits(scope: Construct, limits: Limits, canScaleToZero: boolean): void {
  for (const [name, value] of Object.entries(limits)) {
    checkWholeNumber(scope, name, value, 0);
    if (value === 0 && !canScaleToZero) {
      fail(scope, `${name}: expected at least 1, found 0; only an asynchronous endpoint scales to zero instances`);
    }
  }
  const { minCapacity: min, maxCapacity: max } = limits;
  if (min !== undefined && max !== undefined && !Token.isUnresolved(min) && !Token.isUnresolved(max) && min > max) {
    fail(scope, `minCapacity: expected at most maxCapacity, ${max}, found ${min}`);
  }
}
