import { aws_applicationautoscaling as autoscaling } from "aws-cdk-lib";
import { Construct } from "constructs";
import { checkLimits, fail } from "./validation";

/** An item of `ScheduledActions`. */
export function scheduledAction(
  scope: Construct,
  name: string,
  action: autoscaling.ScalingSchedule,
  canScaleToZero: boolean,
) {
  const { minCapacity, maxCapacity, startTime, endTime } = action;
  if (minCapacity === undefined && maxCapacity === undefined) {
    fail(scope, "minCapacity: required if maxCapacity is missing; set at least one of the two");
  }
  checkLimits(scope, { minCapacity, maxCapacity }, canScaleToZero);
  for (const [property, time] of Object.entries({ startTime, endTime })) {
    if (time && Number.isNaN(time.getTime())) {
      fail(scope, `${property}: expected a valid time, found ${time}`);
    }
  }
  if (startTime && endTime && startTime >= endTime) {
    fail(scope, `endTime: expected a time after startTime, ${iso(startTime)}, found ${iso(endTime)}`);
  }
  return {
    ScheduledActionName: name,
    Schedule: action.schedule.expressionString,
    Timezone: action.timeZone?.timezoneName,
    StartTime: startTime && iso(startTime),
    EndTime: endTime && iso(endTime),
    ScalableTargetAction: { MinCapacity: minCapacity, MaxCapacity: maxCapacity },
  };
}

function iso(time: Date): string {
  return time.toISOString();
}
