import { printable, SdgraphError } from '../../errors.ts';
import { type OmElementType, tensorBytes, typeByName } from './tensor-types.ts';

/** A tensor to be written. */
export interface PortToWrite {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly format?: string;
}

/** Name of the input that picks a gear; the runtime feeds it. */
export const GEAR_INPUT = 'ascend_mbatch_shape_data';
/** Format of tensors that do not state one. */
export const DEFAULT_FORMAT = 'ND';

/**
 * The element type of a tensor and its bytes (0 where open).
 *
 * @throws SdgraphError `E_OM` when the element type or a dimension does not exist in compiled models
 */
export function checkPort({ name, dtype, shape }: PortToWrite): { type: OmElementType; bytes: number } {
  const type = typeByName(dtype);
  if (type === undefined) {
    throw new SdgraphError('E_OM', 'compiled models have no such element type', where(name), {
      found: printable(dtype),
    });
  }
  const wrong = shape.find((dim) => !Number.isSafeInteger(dim) || dim < -1);
  if (wrong !== undefined) {
    throw new SdgraphError('E_OM', 'a dimension is impossible', where(name), { found: String(wrong) });
  }
  return { type, bytes: tensorBytes(shape, type.bits) ?? 0 };
}

function where(name: string): { name: string } {
  return { name: printable(name) };
}
