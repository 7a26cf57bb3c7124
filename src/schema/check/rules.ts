/** How much a finding matters: `error` - other tools refuse the model or read it differently; `warning` - some may; `info` - worth knowing. */
export type Severity = 'error' | 'warning' | 'info';

/** What a rule is about; one file of this folder a subject. */
export type Subject =
  | 'structure'
  | 'names'
  | 'versions'
  | 'functions'
  | 'operators'
  | 'attributes'
  | 'tensors'
  | 'types';

/** One rule of the checker. */
export interface Rule {
  readonly subject: Subject;
  readonly severity: Severity;
  /** What is wrong when the rule fires. */
  readonly summary: string;
}

/** Every rule, by its id. Ids are stable: they are documented and scripts match on them. */
export const RULES = {
  // structure
  'duplicate-name': { subject: 'structure', severity: 'error', summary: 'two values of one scope have the same name' },
  'shadowed-name': {
    subject: 'structure',
    severity: 'error',
    summary: 'a subgraph defines a name again that is visible from around it (a warning where readers differ)',
  },
  'undefined-name': { subject: 'structure', severity: 'error', summary: 'a name is read that nothing defines' },
  'not-visible': { subject: 'structure', severity: 'error', summary: 'a node reads a value of a scope it is not in' },
  cycle: { subject: 'structure', severity: 'error', summary: 'nodes depend on each other in a circle' },
  'node-order': { subject: 'structure', severity: 'error', summary: 'a value is read before it is computed' },
  'broken-use': {
    subject: 'structure',
    severity: 'error',
    summary: 'the uses of a value and the inputs of nodes disagree',
  },
  'output-elsewhere': {
    subject: 'structure',
    severity: 'error',
    summary: 'an output of a graph is a value of the graph around it',
  },
  'duplicate-output': {
    subject: 'structure',
    severity: 'warning',
    summary: 'one value is listed as output twice (an error in a function)',
  },
  'no-outputs': { subject: 'structure', severity: 'warning', summary: 'the main graph has no outputs' },
  // names
  'graph-name-missing': { subject: 'names', severity: 'error', summary: 'a graph has no name' },
  'value-name-missing': {
    subject: 'names',
    severity: 'error',
    summary: 'a graph input, graph output or initializer has no name',
  },
  'operator-name-missing': { subject: 'names', severity: 'error', summary: 'a node does not say its operator' },
  'empty-node': { subject: 'names', severity: 'error', summary: 'a node has neither inputs nor outputs' },
  'duplicate-node-name': {
    subject: 'names',
    severity: 'warning',
    summary: 'two nodes have the same name, which compilers of the graph may refuse',
  },
  // versions
  'ir-version-missing': { subject: 'versions', severity: 'error', summary: 'the model does not say its IR version' },
  'ir-version-unknown': { subject: 'versions', severity: 'error', summary: 'the IR version is newer than any known' },
  'opset-missing': { subject: 'versions', severity: 'error', summary: 'the model imports no operator set' },
  'opset-not-allowed': {
    subject: 'versions',
    severity: 'error',
    summary: 'a model of IR version 1 or 2 imports operator sets',
  },
  'opset-invalid': { subject: 'versions', severity: 'error', summary: 'the version of an operator set cannot exist' },
  'opset-unknown': {
    subject: 'versions',
    severity: 'warning',
    summary: 'the version of a standard operator set is newer than any known',
  },
  'opset-newer-than-ir': {
    subject: 'versions',
    severity: 'warning',
    summary: 'the operator set came with a later IR version than the model has',
  },
  'feature-newer-than-ir': {
    subject: 'versions',
    severity: 'warning',
    summary: 'the model uses something that its IR version does not have yet',
  },
  'domain-not-imported': {
    subject: 'versions',
    severity: 'error',
    summary: 'a node uses an operator of a domain that is not imported',
  },
  'duplicate-opset': { subject: 'versions', severity: 'warning', summary: 'a domain is imported twice' },
  'duplicate-metadata': { subject: 'versions', severity: 'error', summary: 'a metadata key occurs twice' },
  'initializer-not-input': {
    subject: 'versions',
    severity: 'error',
    summary: 'before IR version 4 an initializer has to be a graph input too',
  },
  // functions
  'function-name-missing': {
    subject: 'functions',
    severity: 'error',
    summary: 'a local function has no name or domain',
  },
  'duplicate-function': {
    subject: 'functions',
    severity: 'error',
    summary: 'two local functions have the same domain, name and overload',
  },
  'duplicate-function-attribute': {
    subject: 'functions',
    severity: 'error',
    summary: 'a local function declares an attribute twice',
  },
  'function-recursion': {
    subject: 'functions',
    severity: 'error',
    summary: 'a local function calls itself in the end',
  },
  'function-depth': {
    subject: 'functions',
    severity: 'error',
    summary: 'calls of local functions are nested too deep',
  },
  'function-opset-conflict': {
    subject: 'functions',
    severity: 'error',
    summary: 'an operator in a local function means something else than in the model',
  },
  'function-reference': {
    subject: 'functions',
    severity: 'error',
    summary: 'an attribute refers to an attribute that the function around it does not have',
  },
  'function-call-count': {
    subject: 'functions',
    severity: 'error',
    summary: 'a call passes more inputs or takes more outputs than the local function has',
  },
  'function-call-attribute': {
    subject: 'functions',
    severity: 'warning',
    summary: 'a call leaves out an attribute without default, or has one that the function does not',
  },
  'function-in-standard-domain': {
    subject: 'functions',
    severity: 'warning',
    summary: 'a local function is in the standard domain, where readers look among the standard operators only',
  },
  // operators
  'unknown-operator': { subject: 'operators', severity: 'error', summary: 'a standard domain has no such operator' },
  'unknown-custom-operator': {
    subject: 'operators',
    severity: 'warning',
    summary: 'nothing is known of an operator of another domain',
  },
  'operator-not-in-opset': {
    subject: 'operators',
    severity: 'error',
    summary: 'the operator came with a later version than the one imported',
  },
  'operator-deprecated': {
    subject: 'operators',
    severity: 'error',
    summary: 'the operator must no longer be used in the version imported',
  },
  'operator-removed': {
    subject: 'operators',
    severity: 'warning',
    summary: 'the operator was experimental and is gone; readers skip checks for it and most cannot run it',
  },
  'plugin-operator': {
    subject: 'operators',
    severity: 'info',
    summary: 'an operator of Ascend software in the standard domain: only tools that have it can read the model',
  },
  'input-count': {
    subject: 'operators',
    severity: 'error',
    summary: 'a node has fewer or more inputs than the operator takes',
  },
  'output-count': {
    subject: 'operators',
    severity: 'error',
    summary: 'a node has fewer or more outputs than the operator gives',
  },
  'input-missing': { subject: 'operators', severity: 'error', summary: 'an input that is not optional is left out' },
  'output-missing': { subject: 'operators', severity: 'error', summary: 'an output that is not optional is left out' },
  // attributes
  'attribute-name-missing': { subject: 'attributes', severity: 'error', summary: 'an attribute has no name' },
  'duplicate-attribute': { subject: 'attributes', severity: 'error', summary: 'a node has an attribute twice' },
  'attribute-untyped': { subject: 'attributes', severity: 'error', summary: 'an attribute does not say its type' },
  'attribute-value': {
    subject: 'attributes',
    severity: 'error',
    summary: 'an attribute holds no value, several, or one of another type than it says',
  },
  'attribute-unknown': { subject: 'attributes', severity: 'error', summary: 'the operator has no such attribute' },
  'attribute-missing': {
    subject: 'attributes',
    severity: 'error',
    summary: 'an attribute without default is left out',
  },
  'constant-value': {
    subject: 'attributes',
    severity: 'error',
    summary: 'a Constant node holds no value, or several',
  },
  'attribute-type': {
    subject: 'attributes',
    severity: 'error',
    summary: 'the operator defines another type for the attribute',
  },
  // tensors
  'tensor-type': {
    subject: 'tensors',
    severity: 'error',
    summary: 'a tensor has no element type or one that does not exist',
  },
  'tensor-dims': {
    subject: 'tensors',
    severity: 'error',
    summary: 'a tensor has negative or impossibly large dimensions',
  },
  'tensor-storage': {
    subject: 'tensors',
    severity: 'error',
    summary: 'the elements of a tensor are in no field, in several, or in one for another type',
  },
  'tensor-size': {
    subject: 'tensors',
    severity: 'error',
    summary: 'a tensor holds more or less than its type and dimensions say',
  },
  'external-data': {
    subject: 'tensors',
    severity: 'error',
    summary: 'external data is missing, outside the folder of the model, or a range that its file does not have',
  },
  'external-data-unchecked': {
    subject: 'tensors',
    severity: 'info',
    summary: 'external data was not looked at because the model was not opened from a file',
  },
  'sparse-tensor': {
    subject: 'tensors',
    severity: 'error',
    summary: 'values, indices and dimensions of a sparse tensor do not fit together',
  },
  // types
  'io-type-missing': {
    subject: 'types',
    severity: 'error',
    summary: 'an input or output of the main graph has no complete type; dimensions may be unknown, their number not',
  },
  'initializer-type': {
    subject: 'types',
    severity: 'error',
    summary: 'an initializer is not of the type and shape that its graph input states',
  },
  'type-not-allowed': {
    subject: 'types',
    severity: 'error',
    summary: 'an operator does not take or give a value of that type',
  },
  'type-mismatch': {
    subject: 'types',
    severity: 'error',
    summary: 'values that the operator requires to have one type have several',
  },
  'shape-conflict': {
    subject: 'types',
    severity: 'error',
    summary: 'what the file states of a value contradicts what follows from the graph',
  },
} as const satisfies Record<string, Rule>;

/** The id of a rule: a key of {@link RULES}. */
export type RuleId = keyof typeof RULES;
