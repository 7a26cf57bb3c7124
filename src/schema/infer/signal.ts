import type { Dim } from '../../ir/type.ts';
import { axisIn, mapDim, unknownDims } from './dims.ts';
import { Contradiction, tensor } from './fact.ts';
import { knownDim, type OpContext, type OperatorInference, type OperatorTable } from './op-context.ts';

/** The axis became an input in opset 20; its default moved from 1 to the last signal axis. */
const dft: OperatorInference = (op) => {
  const shape = op.shape(0);
  if (shape === undefined) return [tensor(op.elem(0))];
  if (shape.length < 2) throw new Contradiction(`a signal of rank ${shape.length}`);
  const oneSided = op.int('onesided', 0) !== 0;
  const inverse = op.int('inverse', 0) !== 0;
  const isRealResult = oneSided && inverse;
  const parts = isRealResult ? 1 : 2;
  if (!oneSided && !op.has(1)) return [tensor(op.elem(0), [...shape.slice(0, -1), parts])];
  const axis = dftAxis(op, shape.length);
  if (axis === undefined) return [tensor(op.elem(0), [...unknownDims(shape.length - 1), parts])];
  const length = op.has(1) ? knownDim(op.scalar(1)) : isRealResult ? wholeOf(shape[axis]) : shape[axis];
  const size = oneSided && !inverse ? halfOf(length) : length;
  const dims = shape.map((dim, i) => (i === axis ? size : dim));
  return [tensor(op.elem(0), [...dims.slice(0, -1), parts])];
};

function dftAxis(op: OpContext, rank: number): number | undefined {
  if (op.opset < 20) return axisIn(op.int('axis', 1), rank);
  const axis = op.has(2) ? op.scalar(2) : -2n;
  return typeof axis === 'bigint' ? axisIn(Number(axis), rank) : undefined;
}

/** Distinct coefficients of a real signal. */
function halfOf(length: Dim): Dim {
  return mapDim(length, (size) => Math.floor(size / 2) + 1);
}

function wholeOf(bins: Dim): Dim {
  return mapDim(bins, (size) => 2 * (size - 1));
}

const stft: OperatorInference = (op) => {
  const signal = op.shape(0);
  const length = signal?.[1];
  const step = knownDim(op.scalar(1));
  const frame = op.has(3) ? knownDim(op.scalar(3)) : op.has(2) ? op.dim(2, 0) : undefined;
  const areKnown = typeof length === 'number' && typeof step === 'number' && typeof frame === 'number';
  const frames = areKnown && step > 0 ? Math.floor((length - frame) / step) + 1 : undefined;
  if (frames !== undefined && frames < 0) throw new Contradiction(`frames of ${frame} in a signal of ${length}`);
  const bins = op.int('onesided', 1) !== 0 ? halfOf(frame) : frame;
  return [tensor(op.elem(0), [signal?.[0], frames, bins, 2])];
};

/** Operators on signals. */
export const SIGNAL: OperatorTable = new Map<string, OperatorInference>([
  ['DFT', dft],
  ['STFT', stft],
]);
