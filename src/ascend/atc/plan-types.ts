/** The document that says how models are compiled. Plain data; `plan.schema.json` describes it. */

/** An input or output of a model. */
export interface PlanPort {
  readonly name: string;
  /** ONNX's name of the element type, in lower case: `float32`, `int64`. */
  readonly type: string;
  /** Numbers, names of symbolic dimensions, null where nothing is known; null when not even the rank is known. */
  readonly shape: readonly (number | string | null)[] | null;
}

/** A file that a compilation depends on. */
export interface PlanFile {
  /** Path with `/`, relative to the folder of the step; never leads out of it. */
  readonly file: string;
  readonly bytes: number;
  /** Of the whole file; null when hashing was not wanted. */
  readonly sha256: string | null;
}

/** A text file that an option of ATC names. It is written where ATC runs. */
export interface PlanText {
  /** The option that it is for. */
  readonly option: string;
  /** Name of the file. */
  readonly file: string;
  readonly content: string;
}

/** One run of ATC. */
export interface AtcStep {
  /** Unique in the plan: `clip`, `unet`, `vae` or one of the user's. */
  readonly name: string;
  /** Folder of the model and working directory, relative to the folder of all models; `.` for that itself. */
  readonly directory: string;
  readonly model: PlanFile & {
    readonly opset: number | null;
    /** Files of external data. */
    readonly data: readonly PlanFile[];
  };
  readonly inputs: readonly PlanPort[];
  readonly outputs: readonly PlanPort[];
  /** Operators of Ascend software that the model has, sorted. */
  readonly pluginOperators: readonly string[];
  /** Name of the compiled model without extension, beside the model. */
  readonly output: string;
  /** Names that ATC may give the compiled model; those of models with open shapes carry the system. */
  readonly expected: readonly string[];
  /** Options that are not the planner's own, as ATC spells them. */
  readonly options: Readonly<Record<string, string>>;
  readonly files: readonly PlanText[];
  /** What ATC is started with; follows from the rest. */
  readonly argv: readonly string[];
}

/** Something that does not fit. A plan has warnings only. */
export interface PlanProblem {
  readonly rule: string;
  readonly severity: 'error' | 'warning';
  /** Name of the step; null for the plan as a whole. */
  readonly step: string | null;
  readonly message: string;
  /** The code that ATC itself reports for this. */
  readonly atc?: string;
  readonly hint?: string;
}

/** Software that has to be there. */
export interface PlanRequirement {
  readonly name: string;
  /** Versions it was tried with. */
  readonly versions: readonly string[];
  readonly because: string;
}

/** A script that sets up the environment. */
export interface PlanScript {
  readonly kind: 'toolkit' | 'operators';
  readonly script: string;
}

/** How models are compiled. */
export interface AtcPlan {
  readonly formatVersion: 1;
  readonly socVersion: {
    readonly value: string;
    /** Who named it: the user, what `npu-smi` printed, a file of that, or AscendCL. */
    readonly source: 'option' | 'npu-smi' | 'file' | 'acl';
  };
  /** Versions of CANN that take these models and options. */
  readonly toolkit: { readonly name: 'CANN'; readonly min: string; readonly max: string | null };
  readonly requires: readonly PlanRequirement[];
  /** Scripts to source, in this order. */
  readonly environment: readonly PlanScript[];
  readonly steps: readonly AtcStep[];
  readonly warnings: readonly PlanProblem[];
}
