import { typeName } from '../../ir/data-type.ts';
import type { Dim, TensorType, ValueType } from '../../ir/type.ts';
import { type Fact, type Known, type Shape, tensorType } from './fact.ts';

/** Whether a type is of a tensor with known or unknown shape. */
export function isTensor(type: ValueType | undefined): type is TensorType {
  return type?.kind === 'tensor' || type?.kind === 'sparse tensor';
}

/**
 * What follows from the graph refined by what the file states. Where they contradict, what follows from the graph
 * stays and `contradict` is told.
 */
export function refine(
  inferred: ValueType | undefined,
  stated: ValueType | undefined,
  contradict: (message: string) => void,
): ValueType | undefined {
  if (inferred === undefined || inferred.kind === 'unknown') return stated ?? inferred;
  if (stated === undefined || stated.kind === 'unknown') return inferred;
  if (isTensor(inferred) && isTensor(stated) && inferred.kind === stated.kind) {
    return refineTensor(inferred, stated, contradict);
  }
  if (inferred.kind !== stated.kind) {
    contradict(`stated to be a ${stated.kind}, but it is a ${inferred.kind}`);
  } else if ('element' in inferred && 'element' in stated) {
    return { kind: inferred.kind, element: refine(inferred.element, stated.element, contradict) ?? inferred.element };
  } else if (inferred.kind === 'map' && stated.kind === 'map') {
    return { ...inferred, value: refine(inferred.value, stated.value, contradict) ?? inferred.value };
  }
  return inferred;
}

function refineTensor(inferred: TensorType, stated: TensorType, contradict: (message: string) => void): TensorType {
  const elemType = inferred.elemType === 0 ? stated.elemType : inferred.elemType;
  if (stated.elemType !== 0 && stated.elemType !== elemType) {
    contradict(`stated to hold ${typeName(stated.elemType)}, but it holds ${typeName(elemType)}`);
  }
  const type = tensorType(elemType, refineShape(inferred.shape, stated.shape, contradict));
  return { ...type, kind: inferred.kind };
}

function refineShape(
  inferred: Shape | undefined,
  stated: Shape | undefined,
  contradict: (message: string) => void,
): Shape | undefined {
  if (inferred === undefined || stated === undefined) return inferred ?? stated;
  if (inferred.length !== stated.length) {
    contradict(`stated to have rank ${stated.length}, but it has rank ${inferred.length}`);
    return inferred;
  }
  return inferred.map((dim, i) => {
    const said = stated[i];
    if (typeof dim !== 'number') return said ?? dim;
    if (typeof said === 'number' && said !== dim) {
      contradict(`stated to have extent ${said} in dimension ${i}, but it has ${dim}`);
    }
    return dim;
  });
}

/** What holds for both of two types. */
export function joinTypes(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (isTensor(a) && isTensor(b) && a.kind === b.kind) {
    const elemType = a.elemType === b.elemType ? a.elemType : 0;
    return { ...tensorType(elemType, joinShapes(a.shape, b.shape)), kind: a.kind };
  }
  if ('element' in a && 'element' in b && a.kind === b.kind) {
    return { kind: a.kind, element: joinTypes(a.element, b.element) ?? { kind: 'unknown' } };
  }
  if (a.kind === 'map' && b.kind === 'map' && a.keyType === b.keyType) {
    return { ...a, value: joinTypes(a.value, b.value) ?? { kind: 'unknown' } };
  }
  return a.kind === b.kind && a.kind === 'opaque' ? a : undefined;
}

/** What holds for both of two shapes. */
function joinShapes(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined || a.length !== b.length) return undefined;
  return a.map((dim, i): Dim => (dim === b[i] ? dim : undefined));
}

/** What holds for both of two values. */
export function joinFacts(a: Fact, b: Fact): Fact {
  const type = joinTypes(a.type, b.type);
  const known = a.known === b.known || sameKnown(a.known, b.known) ? a.known : undefined;
  return {
    ...(type === undefined ? {} : { type }),
    ...(known === undefined ? {} : { known }),
    ...(a.constant !== undefined && a.constant === b.constant ? { constant: a.constant } : {}),
  };
}

function sameKnown(a: readonly Known[] | undefined, b: readonly Known[] | undefined): boolean {
  return a !== undefined && a.length === b?.length && a.every((each, i) => Object.is(each, b[i]));
}

/** Whether two types say the same. */
export function sameType(a: ValueType | undefined, b: ValueType | undefined): boolean {
  if (a === undefined || b === undefined || a.kind !== b.kind) return a === b;
  if (isTensor(a) && isTensor(b)) {
    if (a.elemType !== b.elemType || a.shape?.length !== b.shape?.length) return false;
    return a.shape === undefined || a.shape.every((dim, i) => dim === b.shape?.[i]);
  }
  if ('element' in a && 'element' in b) return sameType(a.element, b.element);
  if (a.kind === 'map' && b.kind === 'map') return a.keyType === b.keyType && sameType(a.value, b.value);
  return true;
}
