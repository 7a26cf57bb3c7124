/** The public API of sdgraph. The rewrite passes are in `sdgraph/passes`. */

export { type AtcError, parseAtcErrors } from './ascend/atc/errors.ts';
export { type PlanOptions, planAtc } from './ascend/atc/plan.ts';
export { type LoadPlanOptions, loadPlan } from './ascend/atc/plan-file.ts';
export type { AtcPlan, AtcStep } from './ascend/atc/plan-types.ts';
export { type RunOptions, type RunReport, runPlan, type StepResult } from './ascend/atc/run.ts';
export { planToShell, shellQuote } from './ascend/atc/shell.ts';
export { loadPlanSettings, type PlanSettings } from './ascend/atc/step-settings.ts';
export type { SocChip } from './ascend/npu-smi/chips.ts';
export { explainError } from './ascend/npu-smi/errors.ts';
export { parseNpuSmi } from './ascend/npu-smi/parse.ts';
export type {
  NpuBoard,
  NpuCard,
  NpuDevice,
  NpuHealth,
  NpuMapping,
  NpuProcess,
  NpuSmiError,
  NpuSmiPart,
  NpuSmiProblem,
  NpuSmiReport,
} from './ascend/npu-smi/report.ts';
export { compareOmWithModel } from './ascend/om/compare.ts';
export { omFindings } from './ascend/om/findings.ts';
export type { OmProblem } from './ascend/om/problems.ts';
export { type OmOptions, openOm, readOm } from './ascend/om/read.ts';
export type { OmDepth, OmGears, OmModel, OmReport, OmTensor } from './ascend/om/report.ts';
export { type DetectSocOptions, detectSoc, requireSoc, type SocDetection, type SocReason } from './ascend/soc.ts';
export type { AttributeArguments, AttributeInput } from './author/attributes.ts';
export { GraphBuilder } from './author/graph-builder.ts';
export { createModel, type NewModelOptions } from './author/new-model.ts';
export { numberTensor } from './author/number-tensor.ts';
export {
  type ConvArguments,
  type GemmArguments,
  type Integers,
  type NodeArguments,
  type Operand,
  Operators,
  type SliceArguments,
} from './author/operators.ts';
export { type Checkpoint, loadCheckpoint } from './diffusion/checkpoint.ts';
export { ContactSheet, type ContactSheetOptions } from './diffusion/contact-sheet.ts';
export { guide, guideHalves, postQuantConv, unscaleLatents } from './diffusion/guidance.ts';
export { ImageInfo, type ImageInfoEntry, readImageInfo } from './diffusion/image-info.ts';
export { type RgbImage, toImages } from './diffusion/images.ts';
export type { PipelineBackend } from './diffusion/model-files.ts';
export { NormalNoise } from './diffusion/noise.ts';
export {
  type OpenPipelineOptions,
  openPipeline,
  type TextToImageOptions,
  textToImage,
} from './diffusion/open-pipeline.ts';
export { type PipelineParts, TextToImagePipeline } from './diffusion/pipeline.ts';
export type {
  BatchTimings,
  GenerateOptions,
  ImageResult,
  PipelineEvent,
  PipelineSessions,
  SafetyChecker,
} from './diffusion/pipeline-types.ts';
export { encodePng } from './diffusion/png.ts';
export { type PostQuantConv, readPostQuantConv } from './diffusion/post-quant-conv.ts';
export {
  type ImageJob,
  type LoadPromptsOptions,
  loadPrompts,
  type Prompt,
  type PromptBatch,
  type PromptFile,
  type PromptFileType,
  promptBatches,
} from './diffusion/prompts.ts';
export type { Scheduler, SchedulerConfig } from './diffusion/schedulers/common.ts';
export {
  createScheduler,
  loadSchedulerConfig,
  SCHEDULER_NAMES,
  type SchedulerName,
  type SchedulerOptions,
} from './diffusion/schedulers/index.ts';
export { createTokenizer, type EncodedPrompt, type Tokenizer, truncationWarning } from './diffusion/tokenizer.ts';
export { type Details, ERROR_CODES, type ErrorCode, SdgraphError, type Where } from './errors.ts';
export { readUNetConfig, type UNetConfig } from './export/config-unet.ts';
export {
  type ExportedModel,
  type ExportedName,
  type ExportOptions,
  type ExportReport,
  exportCheckpoint,
} from './export/export.ts';
export { type NewTinyOptions, type NewTinyReport, newTinyCheckpoint } from './export/new-tiny.ts';
export { buildUNet, type UNetOptions } from './export/unet.ts';
export type { TakeOptions, WeightSource } from './export/weights.ts';
export { type OpenOptions, openModel } from './io/open.ts';
export { type ExternalDataPolicy } from './io/placement.ts';
export { openSafetensors, type SafetensorsFile, type SafetensorsTensor } from './io/safetensors.ts';
export { type SaveOptions, type SaveReport, saveBytes, saveModel } from './io/save.ts';
export { Attribute, type AttributeInit, AttributeType, type AttributeValues } from './ir/attribute.ts';
export {
  constantInts,
  constantNumbers,
  constantOf,
  constantScalar,
  floatTensor,
  int64Tensor,
  stringTensor,
} from './ir/constants.ts';
export { DataType, type ElementType, elementType, elementTypes, typeName } from './ir/data-type.ts';
export type { LocalFunction } from './ir/function.ts';
export { Graph, type GraphKind, type Place } from './ir/graph.ts';
export { findViolations, requireSound, type Violation } from './ir/invariants.ts';
export { Model } from './ir/model.ts';
export { Node, type NodeInit } from './ir/node.ts';
export { type Removed, removeUnused } from './ir/reachability.ts';
export { sortGraph, topologicalOrder } from './ir/sort.ts';
export { SparseTensor } from './ir/sparse-tensor.ts';
export { Tensor, type TensorInit, type TensorStorage } from './ir/tensor.ts';
export { type Dim, formatType, type TensorType, type ValueType } from './ir/type.ts';
export { type Use, Value } from './ir/value.ts';
export { type Difference, type DifferenceKind, type DiffOptions, diffModels, type ModelDiff } from './report/diff.ts';
export { countFlops, type FlopCount } from './report/flops.ts';
export { inspectModel, type ModelSummary } from './report/inspect.ts';
export { modelHeader, type OptimizeReport, optimizeReport } from './report/optimize.ts';
export { bypass, needsIdentity, removeIfUnused, replaceValue, takePlace } from './rewrite/edit.ts';
export {
  definePass,
  type Expected,
  type Pass,
  type PassContext,
  type PassDefinition,
  type PassFactory,
} from './rewrite/pass.ts';
export { countNodes, type Pipeline, type PipelineOptions, pipeline } from './rewrite/pipeline.ts';
export { countSites, type PassReport, type Report, type Site, SiteLog, type SiteStatus } from './rewrite/report.ts';
export { applyRules, type Rule, type RuleDefinition, rule, rulePass } from './rewrite/rule.ts';
export { shutdownAcl } from './runtime/acl/devices.ts';
export { AclError } from './runtime/acl/failure.ts';
export { type BenchOptions, type BenchReport, type BenchTimes, benchModel, benchSession } from './runtime/bench.ts';
export type { Latency } from './runtime/bench-statistics.ts';
export { type Backend, type OpenSessionOptions, openSession } from './runtime/open.ts';
export type {
  InferenceSession,
  RunTimings,
  SessionFeeds,
  SessionPort,
  SessionTensor,
  TensorData,
} from './runtime/session.ts';
export { annotateShapes } from './schema/annotate.ts';
export { RULES, type RuleId, type Severity } from './schema/check.ts';
export { type Finding, type FindingPlace, formatFinding } from './schema/finding.ts';
export { inferShapes } from './schema/infer.ts';
export type { Conflict, Inference, Int } from './schema/inference.ts';
export {
  type AttributeDefault,
  type AttributeSchema,
  type OperatorSchema,
  operatorNames,
  operatorVersions,
  type Parameter,
  schemaFor,
} from './schema/operators.ts';
export { checkTarget, TARGET_RULES, type TargetCheckOptions, type TargetRuleId } from './targets/check.ts';
export { checkModel, type ModelCheckOptions } from './targets/check-model.ts';
export {
  checkLimits,
  loadTarget,
  loadTargetFile,
  permitted,
  requireOperator,
  type SiteFacts,
  type Target,
  type TargetOperators,
  targetForFaSoc,
  targetNames,
} from './targets/index.ts';
export { type Expectations, loadConfig, type ValidateConfig } from './validate/config.ts';
export { type FileReport, type ValidateOptions, type ValidationReport, validateFiles } from './validate/validate.ts';
export { type BisectPassesOptions, bisectPasses, type PassDeparture } from './verify/bisect-passes.ts';
export type { Tolerance } from './verify/compare.ts';
export { type CompareFilesOptions, compareFiles } from './verify/compare-files.ts';
export type { ComparisonReport } from './verify/comparison.ts';
export { TOLERANCES, type TolerancePreset } from './verify/tolerance.ts';
export { type VerifyOptions, type VerifyReport, verifyModels } from './verify/verify.ts';
