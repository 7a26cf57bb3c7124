import { loadTarget, type Target } from '../../src/targets/index.ts';

/** A target profile, or the name of a built-in one. */
export type TargetOption = string | Target;

/** The profile that an option means. Throws `E_TARGET` for an unknown name. */
export function resolveTarget(option: TargetOption): Target {
  return typeof option === 'string' ? loadTarget(option) : option;
}
