import { SdgraphError } from '../../errors.ts';
import { DataType } from '../../ir/data-type.ts';
import type { SessionPort } from '../session.ts';

/** An input or output as the device's thread tells it. */
export interface AclPort {
  readonly name: string;
  /** Element type as AscendCL numbers it. */
  readonly type: number;
  /** -1 where open. */
  readonly dims: readonly number[];
}

/** Element types of AscendCL in ONNX. */
const TYPES: ReadonlyMap<number, number> = new Map([
  [0, DataType.FLOAT],
  [1, DataType.FLOAT16],
  [2, DataType.INT8],
  [3, DataType.INT32],
  [4, DataType.UINT8],
  [6, DataType.INT16],
  [7, DataType.UINT16],
  [8, DataType.UINT32],
  [9, DataType.INT64],
  [10, DataType.UINT64],
  [11, DataType.DOUBLE],
  [12, DataType.BOOL],
  [27, DataType.BFLOAT16],
]);

/**
 * The ports of a session.
 *
 * @param file the model, as errors call it
 * @throws SdgraphError `E_SESSION_LOAD` when two have one name
 */
export function sessionPorts(ports: readonly AclPort[], file: string): SessionPort[] {
  const found = ports.map(({ name, type, dims }) => ({
    name,
    dataType: TYPES.get(type) ?? DataType.UNDEFINED,
    shape: dims.map((dim) => (dim < 0 ? undefined : dim)),
  }));
  const names = new Set<string>();
  for (const { name } of found) {
    if (names.has(name)) {
      const reason = 'two inputs or outputs of the model have the same name';
      throw new SdgraphError('E_SESSION_LOAD', reason, { file, name });
    }
    names.add(name);
  }
  return found;
}

/**
 * The names that outputs had in the ONNX model: the compiler puts the operator and its output in front, as in
 * `Conv_3:0:sample`. Names that would not differ any more stay as they are.
 */
export function sourceNames(outputs: readonly AclPort[]): AclPort[] {
  const short = outputs.map(({ name }) => /^.*?:\d+:(.+)$/su.exec(name)?.[1] ?? name);
  return outputs.map((port, i) => {
    const name = short[i] ?? port.name;
    return short.indexOf(name) === short.lastIndexOf(name) ? { ...port, name } : port;
  });
}
