import type { OmAttributeValue } from './attributes.ts';
import type { OmContainer } from './containers.ts';
import type { OmHeader, OmInteger } from './header.ts';
import type { OmPartition } from './partitions.ts';
import type { OmProblem } from './problems.ts';

/** How far a file is read: header and tables; what a caller feeds and gets; or everything, every attribute checked. */
export type OmDepth = 'header' | 'interface' | 'full';

/** An input or output of a compiled model. */
export interface OmTensor {
  readonly name: string;
  /** ONNX's name of the element type, `FLOAT`; `type N` for unknown ones. */
  readonly dtype: string;
  /** `aclDataType`; null for unknown ones. */
  readonly aclType: number | null;
  /** -1 for an open dimension; null when not even the rank is known. */
  readonly shape: readonly number[] | null;
  /** Smallest and largest size of each dimension (-1: no limit), where the file states them. */
  readonly shapeRange: readonly (readonly OmInteger[])[] | null;
  readonly format: string;
  /** Bytes without padding; null where open. */
  readonly bytes: number | null;
  /** The runtime feeds this input, not the caller. */
  readonly hidden: boolean;
  /** Shape and format before the compiler chose a layout, where they are stated. */
  readonly originShape: readonly OmInteger[] | null;
  readonly originFormat: string | null;
}

/** The shapes that a model with open dimensions was compiled for. */
export interface OmGears {
  readonly kind: 'batch' | 'image' | 'dims';
  /** For each gear: the batch; height and width; or the sizes of the open dimensions in the order of the inputs. */
  readonly values: readonly (readonly OmInteger[])[];
  /** Inputs in the order that the sizes follow; empty where the file does not say. */
  readonly order: readonly string[];
}

/** The shape of an output under a gear; gear -1 stands for all. */
export interface OmGearOutput {
  readonly gear: number;
  readonly output: number;
  readonly shape: readonly number[];
}

/** An operator of the compiled graph. */
export interface OmOperator {
  readonly name: string;
  readonly type: string;
  /** `node:index` each; control edges and open inputs as they are in the file. */
  readonly inputs: readonly string[];
}

/** An attribute of a model. */
export type OmAttribute = OmAttributeValue & { readonly name: string };

/** One model of a file. Null stands for what the file does not say. */
export interface OmModel {
  readonly name: string | null;
  readonly partitions: readonly OmPartition[];
  /** Names of the graphs; the first one is the model, further ones are its parts. */
  readonly graphs: readonly string[];
  readonly inputs: readonly OmTensor[];
  readonly outputs: readonly OmTensor[];
  readonly gears: OmGears | null;
  readonly gearOutputs: readonly OmGearOutput[];
  /** Whether a shape that callers see has an open dimension. */
  readonly isDynamic: boolean;
  readonly socVersion: string | null;
  readonly frameworkType: string | null;
  readonly atcVersion: string | null;
  readonly oppVersion: string | null;
  readonly atcCmdline: string | null;
  readonly targetType: string | null;
  /** Bytes that the model needs when loaded, beside its weights. */
  readonly memorySize: OmInteger | null;
  readonly weightSize: OmInteger | null;
  readonly attributes: readonly OmAttribute[];
  /** Operators of the first graph by type, most frequent first. */
  readonly operatorCounts: readonly { readonly type: string; readonly count: number }[];
  /** Operators of the first graph in order; empty unless read in full. */
  readonly operators: readonly OmOperator[];
}

/** What an OM file says. Plain data. */
export interface OmReport {
  readonly file: string;
  readonly bytes: number;
  readonly container: OmContainer;
  readonly depth: OmDepth;
  /** Why the file is refused; null for a file that can be read. What was read before is there all the same. */
  readonly problem: OmProblem | null;
  readonly warnings: readonly OmProblem[];
  readonly header: OmHeader | null;
  /** The root model, then its submodels. */
  readonly models: readonly OmModel[];
  /** Whole OM files inside this one: the models of a flow or bundle. */
  readonly inner: readonly OmInner[];
}

/** A whole OM file inside another one. */
export interface OmInner {
  /** Name that the outer file gives it; empty in bundles. */
  readonly name: string;
  /** Engine that it is for; empty in bundles. */
  readonly engine: string;
  /** Its place in the outermost file. */
  readonly offset: number;
  readonly report: OmReport;
}
