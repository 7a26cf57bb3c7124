import { DataType, elementType } from '../../ir/data-type.ts';
import { isIntegral } from './elements.ts';
import { type Known, MAX_KNOWN, type Shape } from './fact.ts';
import type { OpContext } from './op-context.ts';

/** What an operator makes of one element of each input. Integers come as bigint, floats as number. */
type Calculation = (elements: readonly Known[], op: OpContext) => Known;

/**
 * Elements of an element-wise result of type `elemType`, when it is small and something is known of it. The inputs broadcast; integers
 * wrap around as `elemType` does, floats are rounded to float32 where that is their type.
 */
export function calculate(op: OpContext, shape: Shape | undefined, elemType: number): readonly Known[] | undefined {
  const calculation = CALCULATIONS.get(op.node.opType);
  if (calculation === undefined) return undefined;
  const count = smallCount(shape);
  if (shape === undefined || count === undefined) return undefined;
  const inputs = op.facts().map((_, i) => ({ elements: op.known(i), shape: op.shape(i) }));
  if (inputs.every(({ elements }) => elements === undefined)) return undefined;
  const strides = inputs.map((input) => stridesOf(input.shape, shape));
  const result: Known[] = [];
  for (let at = 0; at < count; at++) {
    const elements = inputs.map(({ elements: from }, i) => from?.[offsetOf(at, shape, strides[i] ?? [])]);
    result.push(rounded(calculation(elements, op), elemType));
  }
  return result.every((each) => each === undefined) ? undefined : result;
}

/** Number of elements when it is known and small enough to be followed. */
export function smallCount(shape: Shape | undefined): number | undefined {
  let count = 1;
  for (const dim of shape ?? [undefined]) {
    if (typeof dim !== 'number') return undefined;
    count *= dim;
    if (count > MAX_KNOWN) return undefined;
  }
  return count;
}

/** How far apart in a broadcast input the elements of each dimension of the result are; 0 where it is repeated. */
function stridesOf(input: Shape | undefined, result: Shape): readonly number[] {
  const strides = result.map(() => 0);
  let stride = 1;
  for (let i = 1; i <= (input?.length ?? 0); i++) {
    const dim = input?.at(-i) as number;
    strides[result.length - i] = dim === 1 ? 0 : stride;
    stride *= dim;
  }
  return strides;
}

function offsetOf(at: number, shape: Shape, strides: readonly number[]): number {
  let rest = at;
  let offset = 0;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const dim = shape[axis] as number;
    offset += (rest % dim) * (strides[axis] ?? 0);
    rest = Math.floor(rest / dim);
  }
  return offset;
}

/** An element as its type can hold it; what would have to be rounded in a way not modelled here is unknown. */
function rounded(element: Known, elemType: number): Known {
  if (typeof element === 'string') return element;
  if (typeof element === 'bigint') {
    if (!isIntegral(elemType)) return undefined;
    if (elemType === DataType.BOOL) return element === 0n ? 0n : 1n;
    const bits = elementType(elemType)?.bits ?? 64;
    return UNSIGNED.has(elemType) ? BigInt.asUintN(bits, element) : BigInt.asIntN(bits, element);
  }
  if (element === undefined || elemType === DataType.DOUBLE) return element;
  return elemType === DataType.FLOAT ? Math.fround(element) : undefined;
}

const UNSIGNED: ReadonlySet<number> = new Set([DataType.UINT8, DataType.UINT16, DataType.UINT32, DataType.UINT64]);

/** A rule for two integers or two floats; anything else is unknown. */
function pairwise(
  integers: (a: bigint, b: bigint) => Known,
  floats: (a: number, b: number) => Known,
  symbols?: (a: Known, b: Known) => Known,
): Calculation {
  return ([a, b]) => {
    if (typeof a === 'bigint' && typeof b === 'bigint') return integers(a, b);
    if (typeof a === 'number' && typeof b === 'number') return floats(a, b);
    return symbols?.(a, b);
  };
}

function comparison(
  integers: (a: bigint, b: bigint) => boolean,
  floats: (a: number, b: number) => boolean,
): Calculation {
  return pairwise(
    (a, b) => truth(integers(a, b)),
    (a, b) => truth(floats(a, b)),
  );
}

function truth(value: boolean): bigint {
  return value ? 1n : 0n;
}

function float(formula: (a: number) => number): Calculation {
  return ([a]) => (typeof a === 'bigint' ? undefined : typeof a === 'number' ? formula(a) : a);
}

const isOne = (element: Known): boolean => element === 1n || element === 1;
const isZero = (element: Known): boolean => element === 0n || element === 0;

/** Folds the elements of any number of inputs. */
function extreme(pick: (a: bigint | number, b: bigint | number) => boolean): Calculation {
  return (elements) => {
    let best: Known = elements[0];
    for (const each of elements.slice(1)) {
      if (each === best) continue;
      if (best === undefined || typeof best === 'string' || typeof each !== typeof best) return undefined;
      if (Number.isNaN(each) || pick(each as bigint | number, best)) best = Number.isNaN(best) ? best : each;
    }
    return best;
  };
}

function halfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

function modulo(a: bigint, b: bigint, fmod: boolean): Known {
  if (b === 0n) return undefined;
  const rest = a % b;
  return fmod || rest === 0n || rest < 0n === b < 0n ? rest : rest + b;
}

function castElement(element: Known, from: number, to: number): Known {
  if (typeof element === 'string' || element === undefined) return isWide(from) && isWide(to) ? element : undefined;
  if (typeof element === 'bigint') return isIntegral(to) ? element : Number(element);
  if (!isIntegral(to)) return element;
  if (to === DataType.BOOL) return truth(element !== 0);
  // Out of range the result is up to the implementation.
  return Math.abs(element) < 2 ** 31 ? BigInt(Math.trunc(element)) : undefined;
}

/** Whether a symbol that is some extent survives in the type. */
function isWide(elemType: number): boolean {
  return (elementType(elemType)?.bits ?? 0) >= 32;
}

const CALCULATIONS: ReadonlyMap<string, Calculation> = new Map<string, Calculation>([
  ['Identity', ([a]) => a],
  [
    'Add',
    pairwise(
      (a, b) => a + b,
      (a, b) => a + b,
      (a, b) => (isZero(b) ? a : isZero(a) ? b : undefined),
    ),
  ],
  [
    'Sub',
    pairwise(
      (a, b) => a - b,
      (a, b) => a - b,
      (a, b) => (isZero(b) ? a : undefined),
    ),
  ],
  [
    'Mul',
    pairwise(
      (a, b) => a * b,
      (a, b) => a * b,
      (a, b) => (isOne(b) ? a : isOne(a) ? b : a === 0n || b === 0n ? 0n : undefined),
    ),
  ],
  [
    'Div',
    pairwise(
      (a, b) => (b === 0n ? undefined : a / b),
      (a, b) => a / b,
      (a, b) => (isOne(b) ? a : undefined),
    ),
  ],
  [
    'Mod',
    ([a, b], op) => {
      if (typeof a !== 'bigint' || typeof b !== 'bigint') return undefined;
      return modulo(a, b, op.int('fmod', 0) === 1);
    },
  ],
  ['Max', extreme((a, b) => a > b)],
  ['Min', extreme((a, b) => a < b)],
  ['Neg', ([a]) => (typeof a === 'bigint' || typeof a === 'number' ? -a : undefined)],
  ['Abs', ([a]) => (typeof a === 'bigint' ? (a < 0n ? -a : a) : typeof a === 'number' ? Math.abs(a) : a)],
  ['Relu', ([a]) => (typeof a === 'bigint' ? (a < 0n ? 0n : a) : typeof a === 'number' ? Math.max(a, 0) : a)],
  ['Floor', float(Math.floor)],
  ['Ceil', float(Math.ceil)],
  ['Round', float(halfToEven)],
  ['Not', ([a]) => (typeof a === 'bigint' ? truth(a === 0n) : undefined)],
  ['And', ([a, b]) => (a === 0n || b === 0n ? 0n : a === 1n && b === 1n ? 1n : undefined)],
  ['Or', ([a, b]) => (a === 1n || b === 1n ? 1n : a === 0n && b === 0n ? 0n : undefined)],
  ['Xor', ([a, b]) => (typeof a === 'bigint' && typeof b === 'bigint' ? truth(a !== b) : undefined)],
  ['Equal', ([a, b]) => (isKnown(a) && isKnown(b) ? (a === b ? 1n : isSymbol(a, b) ? undefined : 0n) : undefined)],
  [
    'Greater',
    comparison(
      (a, b) => a > b,
      (a, b) => a > b,
    ),
  ],
  [
    'GreaterOrEqual',
    comparison(
      (a, b) => a >= b,
      (a, b) => a >= b,
    ),
  ],
  [
    'Less',
    comparison(
      (a, b) => a < b,
      (a, b) => a < b,
    ),
  ],
  [
    'LessOrEqual',
    comparison(
      (a, b) => a <= b,
      (a, b) => a <= b,
    ),
  ],
  ['Where', ([c, a, b]) => (c === 1n ? a : c === 0n || a === b ? b : undefined)],
  ['Cast', ([a], op) => castElement(a, op.elem(0), op.int('to', 0))],
  ['CastLike', ([a], op) => castElement(a, op.elem(0), op.elem(1))],
]);

function isKnown(element: Known): boolean {
  return element !== undefined;
}

/** Whether one of two elements is a symbol: a symbol may equal a number or another symbol, except a negative number. */
function isSymbol(a: Known, b: Known): boolean {
  const [symbol, other] = typeof a === 'string' ? [a, b] : [b, a];
  if (typeof symbol !== 'string') return false;
  return typeof other === 'string' || (typeof other === 'bigint' ? other >= 0n : true);
}
