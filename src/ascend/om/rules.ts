import type { Severity } from '../../schema/check/rules.ts';

/**
 * Everything that is noticed about OM files, by rule id. What the reader notices has severity `error` when the file is
 * refused: reading stopped there, and the runtime does not load it either.
 */
export const OM_RULES = {
  // what a file is
  'om-too-small': { severity: 'error', summary: 'the file is shorter than the header of an OM' },
  'om-lfs-pointer': { severity: 'error', summary: 'the file is a Git LFS pointer, not the model it stands for' },
  'om-is-onnx': { severity: 'error', summary: 'the file looks like an ONNX model, not like an OM' },
  'om-om2': { severity: 'error', summary: 'the file is a ZIP archive, as OM2 models are, which are not supported' },
  'om-exeom': { severity: 'error', summary: 'the file is an OM for nano chips, whose header is not supported' },
  'om-bad-magic': { severity: 'error', summary: 'the file does not begin as an OM does' },
  'om-bad-header-size': { severity: 'error', summary: 'the header states a size that no known revision has' },
  'om-unknown-version': {
    severity: 'warning',
    summary: 'the version of the header is not known; it is read as the newest',
  },
  'om-size-mismatch': { severity: 'error', summary: 'the file is not as long as its header says' },
  'om-encrypted': { severity: 'warning', summary: 'the model is encrypted: nothing but the header can be read' },
  // partitions
  'om-table-count': { severity: 'error', summary: 'a partition table states an impossible number of partitions' },
  'om-table-outside': {
    severity: 'error',
    summary: 'a partition table does not fit in the file, or leaves no room for data',
  },
  'om-partition-outside': { severity: 'error', summary: 'a partition reaches beyond the end of the file' },
  'om-payload-rest': {
    severity: 'error',
    summary: 'bytes are left over behind the last partition (a warning in files of a single model)',
  },
  'om-partition-offset': {
    severity: 'warning',
    summary: 'the offset of a partition is not where the one before it ends',
  },
  'om-duplicate-partition': { severity: 'warning', summary: 'a model has two partitions of a type; the first is read' },
  'om-limit': { severity: 'error', summary: 'the file holds more parts than any real model' },
  // contents
  'om-model-def-missing': { severity: 'error', summary: 'a model has no description of its graph' },
  'om-model-def-invalid': { severity: 'error', summary: 'the description of the graph is damaged' },
  'om-inout-info-invalid': { severity: 'warning', summary: 'the table of inputs and outputs is damaged' },
  'om-inout-info-differs': { severity: 'warning', summary: 'the table of inputs and outputs contradicts the graph' },
  'om-name-differs': { severity: 'warning', summary: 'the header and the graph name the model differently' },
  'om-weight-size': { severity: 'warning', summary: 'the model states another size of its weights than they have' },
  'om-not-inference': { severity: 'warning', summary: 'the graph has no inputs or no outputs' },
  'om-dynamic-unmarked': {
    severity: 'warning',
    summary: 'shapes are open, without gears or ranges, and the header does not say so',
  },
  'om-attribute-name': { severity: 'warning', summary: 'the name of a compressed attribute cannot be resolved' },
  // will it run there
  'om-other-soc': { severity: 'error', summary: 'the model was compiled for another chip than the target has' },
  'om-soc-unknown': { severity: 'info', summary: 'the model does not say for which chip it was compiled' },
  // is it the model it was made from
  'om-other-input': { severity: 'error', summary: 'the inputs are not those of the ONNX model' },
  'om-other-output': { severity: 'error', summary: 'the outputs are not those of the ONNX model' },
  'om-output-name-unknown': {
    severity: 'info',
    summary: 'the file does not keep the ONNX name of an output; its place was compared',
  },
} as const satisfies Record<string, { readonly severity: Severity; readonly summary: string }>;

/** A rule about OM files. */
export type OmRule = keyof typeof OM_RULES;

/** What the reader noticed: a rule id without `om-`. */
export type OmProblemId = OmRule extends infer R ? (R extends `om-${infer Id}` ? Id : never) : never;
