#pragma once

/// @file
/// Faltung for C, and for all that call C: plans made from a line of the problem notation
/// (docs/notation.md), run on memory of the caller's. docs/c.md has a program.
///
///     faltung_plan* plan;
///     if (faltung_plan_create("op=fwd dtype=f32 in=1000 f=5 pad=2", "cpu", NULL, &plan) !=
///     FALTUNG_OK)
///       puts(faltung_last_error());
///
/// Functions that can fail return a faltung_status, and leave what went wrong, with the texts of
/// the C++ interface, in faltung_last_error(). No C++ exception leaves a function of this header.
///
/// What is declared here stays: numbers of enumerations and members of structs keep their meaning,
/// and new members are appended. Structs that may grow begin with `size`, which the caller sets to
/// its own sizeof: a library that is older takes larger ones if what it does not know is 0, and one
/// that is newer takes smaller ones. 0 in a later member will always mean what was before it.
///
/// Compiles as C99 and as C++.

#include <stddef.h>
#include <stdint.h>

#include <faltung/export.hpp>  // a macro alone

#ifdef __cplusplus
extern "C" {
#endif

/// FALTUNG_OK, or what kind of thing went wrong.
typedef int32_t faltung_status;
/// The values of a faltung_status. Others may be added.
enum faltung_status_value {
  FALTUNG_OK = 0,               ///< done
  FALTUNG_INVALID = 1000,       ///< the caller's mistake: C++'s InvalidProblem
  FALTUNG_NO_ENGINE = 2000,     ///< nothing here can do it: C++'s NoEngine
  FALTUNG_DEVICE_ERROR = 3000,  ///< a device or library failed, or memory ran out: DeviceError
  FALTUNG_NO_MEMORY = 3001,     ///< the C++ run-time library has no memory: std::bad_alloc
  FALTUNG_INTERNAL = 9000       ///< a fault of the library
};

/// Type of elements, a faltung_dtype_value.
typedef int32_t faltung_dtype;
/// The element types; complex ones have their real part first.
enum faltung_dtype_value {
  FALTUNG_F16 = 0,   ///< IEEE 754 binary16
  FALTUNG_BF16 = 1,  ///< the upper half of a binary32
  FALTUNG_F32 = 2,   ///< float
  FALTUNG_F64 = 3,   ///< double
  FALTUNG_C64 = 4,   ///< float _Complex
  FALTUNG_C128 = 5,  ///< double _Complex
  FALTUNG_I8 = 6,    ///< int8_t
  FALTUNG_U8 = 7,    ///< uint8_t
  FALTUNG_I16 = 8,   ///< int16_t
  FALTUNG_U16 = 9,   ///< uint16_t
  FALTUNG_I32 = 10,  ///< int32_t
  FALTUNG_U32 = 11,  ///< uint32_t
  FALTUNG_I64 = 12,  ///< int64_t
  FALTUNG_U64 = 13   ///< uint64_t
};

/// What faltung_device.kind may be.
enum faltung_device_kind {
  FALTUNG_CPU = 0,  ///< memory that the CPU reads
  FALTUNG_CUDA = 1  ///< memory that a CUDA device reads
};

/// Where data are.
typedef struct faltung_device {
  int32_t kind;   ///< a faltung_device_kind
  int32_t index;  ///< CUDA device ordinal; 0 on the CPU
} faltung_device;

/// Most axes of a view: six spatial ones, batch and channels.
#define FALTUNG_MAX_RANK 8

/// Data somebody else owns. Nothing is written through a view that is an operand, and nothing is
/// kept of it after a call returns, but for what queued work on a GPU reads of the data.
typedef struct faltung_view {
  void* data;              ///< the element at index (0, 0, ...), whatever the strides' signs
  faltung_dtype dtype;     ///< type of the elements
  int32_t rank;            ///< number of axes, 0 to FALTUNG_MAX_RANK
  const int64_t* shape;    ///< `rank` extents, slowest axis first
  const int64_t* strides;  ///< `rank` steps in elements; NULL: compact
  faltung_device device;   ///< where the data are
} faltung_view;

/// What faltung_options.accuracy may be; Accuracy of accuracy.hpp.
enum faltung_accuracy {
  FALTUNG_ACCURACY_NORMWISE = 0,    ///< errors measured by the data that are transformed together
  FALTUNG_ACCURACY_ELEMENTWISE = 1  ///< by the magnitudes of each output's own products
};

/// What a plan is asked to be. Begin with FALTUNG_OPTIONS_INIT. PlanOptions of plan.hpp says more
/// of each.
typedef struct faltung_options {
  size_t size;               ///< sizeof(faltung_options)
  const char* engine;        ///< engine, family or way to take; NULL: the planner chooses
  uint64_t workspace_limit;  ///< bytes of scratch memory that a run may need
  int32_t elementwise;       ///< 1 forbids engines that err by the norm of the data (FFT)
  int32_t flush_subnormals;  ///< 1 takes subnormal numbers as zero
  void* allocator_context;   ///< passed to the two functions below
  /// Scratch memory for runs that are lent none, in the order of `stream`; NULL if there is none.
  /// Both functions or neither, safe from several threads, alive as long as the plan.
  void* (*allocate)(void* context, size_t bytes, size_t alignment, void* stream);
  /// Takes it back, with the same numbers.
  void (*deallocate)(void* context, void* data, size_t bytes, size_t alignment, void* stream);
  int32_t accuracy;      ///< a faltung_accuracy
  int32_t reproducible;  ///< 1 gives the same bits for any batch, thread count and device
} faltung_options;

/// Everything by default; members may be changed afterwards.
#define FALTUNG_OPTIONS_INIT \
  { sizeof(faltung_options), NULL, UINT64_MAX, 0, 0, NULL, NULL, NULL, 0, 0 }

/// What one run takes beside operands and result. Begin with FALTUNG_RUN_OPTIONS_INIT.
typedef struct faltung_run_options {
  size_t size;               ///< sizeof(faltung_run_options)
  void* stream;              ///< cudaStream_t; NULL: the default stream. On the CPU always NULL
  void* workspace;           ///< scratch memory, aligned to 256 bytes; NULL: from the allocator
  size_t workspace_bytes;    ///< at least what faltung_plan_workspace_bytes says
  const faltung_view* bias;  ///< one value per result channel where the problem has bias=1
} faltung_run_options;

/// Everything by default; members may be changed afterwards.
#define FALTUNG_RUN_OPTIONS_INIT \
  { sizeof(faltung_run_options), NULL, NULL, 0, NULL }

/// What faltung_facts.bound_kind may be; ErrorBound of plan.hpp has the formulas.
enum faltung_bound_kind {
  FALTUNG_EXACT = 0,        ///< results are equal to the definition's, bit for bit
  FALTUNG_ELEMENTWISE = 1,  ///< each output has its own bound
  FALTUNG_NORMWISE = 2      ///< the bound is by the norm of a block
};

/// What is known about a plan and its runs. Texts live as long as the plan.
typedef struct faltung_facts {
  size_t size;                  ///< sizeof(faltung_facts), set by the caller
  const char* problem;          ///< the canonical notation
  const char* device;           ///< "cpu", "cuda:0"
  const char* engine;           ///< "cpu.fft"
  const char* way;              ///< of the engine
  const char* policy;           ///< the engine's numbers
  const char* instruction_set;  ///< of the CPU, "avx512"; "" where compilers' code runs
  uint64_t workspace_bytes;     ///< scratch memory that a run needs
  double estimate_us;           ///< expected time of a run in microseconds
  double bound_constant;        ///< multiplies of the products' magnitude, u included
  int32_t bound_kind;           ///< a faltung_bound_kind
  int32_t threads;              ///< of the CPU that a run uses at most
  int32_t memory_passes;        ///< how often a run goes over data as large as all tensors
  int32_t spreads_non_finite;   ///< whether NaN may reach outputs that the definition leaves finite
  int32_t flushes_subnormals;   ///< whether subnormal numbers count as zero
  int32_t bitwise_reproducible;  ///< whether equal operands give equal bits
  int32_t reproducible;          ///< and so for any batch, instruction set and device
} faltung_facts;

/// A problem ready to run. Any number of threads may run one plan at once if results and lent
/// workspaces differ; binding a filter and destroying it need it alone.
typedef struct faltung_plan faltung_plan;

/// Which tensor of a plan faltung_plan_operand describes.
enum faltung_operand {
  FALTUNG_FIRST = 0,   ///< x, dy or x for fwd, dgrad and wgrad
  FALTUNG_SECOND = 1,  ///< w, w or dy
  FALTUNG_RESULT = 2,  ///< y, dx or dw
  FALTUNG_BIAS = 3     ///< of a problem with bias=1
};

/// "0.1.0": the version of the library that runs.
FALTUNG_API const char* faltung_version(void);
/// "FALTUNG_INVALID"; "unknown status" for a number that is none.
FALTUNG_API const char* faltung_status_name(faltung_status status);
/// What the last call of this thread that failed had to say: the field, its value, the rule and the
/// way out; "" if none failed. Valid until the next call that fails in this thread.
FALTUNG_API const char* faltung_last_error(void);

/// "f32", as the notation writes it; NULL for a number that is no type.
FALTUNG_API const char* faltung_dtype_name(faltung_dtype dtype);
/// Bytes of one element; 0 for a number that is no type.
FALTUNG_API size_t faltung_dtype_size(faltung_dtype dtype);

/// How many threads plans made from now on may use: docs/threads.md.
FALTUNG_API faltung_status faltung_threads(int32_t* count);
/// @param count  1 to 1024, or 0 for the default
FALTUNG_API faltung_status faltung_set_threads(int32_t count);

/// The devices that can be used here, a line for each, and why there is no GPU among them if there
/// is none. Texts of this and the functions below go to `text` with a 0 behind them, cut to
/// `capacity` bytes.
///
/// @param text      may be NULL if capacity is 0
/// @param bytes     what the whole text takes with its 0; may be NULL
FALTUNG_API faltung_status faltung_devices(char* text, size_t capacity, size_t* bytes);
/// Checks a problem and writes it in canonical notation.
FALTUNG_API faltung_status faltung_canonical(const char* problem, char* text, size_t capacity,
                                             size_t* bytes);
/// Several lines for people: which engine runs a problem, and why not the others.
///
/// @param place    a device, "cpu", "cuda:1"; or a machine, which need not be here: "h200". NULL:
///                 the CPU
/// @param options  as below; for a machine nothing but the engine
FALTUNG_API faltung_status faltung_explain(const char* problem, const char* place,
                                           const faltung_options* options, char* text,
                                           size_t capacity, size_t* bytes);

/// Chooses an engine and prepares everything that needs no data.
///
/// @param problem  one line of docs/notation.md
/// @param device   "cpu", "cuda", "cuda:1"; NULL: the CPU
/// @param options  NULL: everything by default
/// @param plan     receives the plan, NULL if there is none; faltung_plan_destroy takes it back
FALTUNG_API faltung_status faltung_plan_create(const char* problem, const char* device,
                                               const faltung_options* options, faltung_plan** plan);
/// The same problem, engine and options for another batch; costs little. No filter is bound to it.
FALTUNG_API faltung_status faltung_plan_with_batch(const faltung_plan* plan, int64_t batch,
                                                   faltung_plan** result);
/// Frees a plan; NULL is fine. One that is freed already, or no plan, is refused as far as that can
/// be seen: for the next 1024 plans that are freed.
FALTUNG_API faltung_status faltung_plan_destroy(faltung_plan* plan);

/// Type, shape, strides and device that the plan wants of a tensor; `data` becomes NULL, for the
/// caller to set. Shape and strides live as long as the plan.
///
/// @param operand  a faltung_operand
FALTUNG_API faltung_status faltung_plan_operand(const faltung_plan* plan, int32_t operand,
                                                faltung_view* view);
/// Scratch memory that a run needs, in bytes.
FALTUNG_API faltung_status faltung_plan_workspace_bytes(const faltung_plan* plan, size_t* bytes);
/// Fills `facts`, whose `size` the caller sets.
FALTUNG_API faltung_status faltung_plan_facts(const faltung_plan* plan, faltung_facts* facts);
/// Several lines for people: problem, engine, workspace, bound, and the other engines.
FALTUNG_API faltung_status faltung_plan_explain(const faltung_plan* plan, char* text,
                                                size_t capacity, size_t* bytes);

/// Computes the result: (x, w, y), (dy, w, dx) or (x, dy, dw), as the pass names them. On a GPU it
/// is queued, and the call returns at once. Allocates nothing if a workspace is lent.
///
/// @param options  NULL: everything by default
FALTUNG_API faltung_status faltung_plan_run(const faltung_plan* plan, const faltung_view* first,
                                            const faltung_view* second, const faltung_view* result,
                                            const faltung_run_options* options);
/// Keeps a copy of the filter in the form the engine likes best: packed, or its spectrum.
///
/// @param stream  cudaStream_t; NULL: the default stream, and always on the CPU
FALTUNG_API faltung_status faltung_plan_bind_filter(faltung_plan* plan, const faltung_view* w,
                                                    void* stream);
/// As faltung_plan_run, with the filter bound before: (x, y) or (dy, dx).
FALTUNG_API faltung_status faltung_plan_run_bound(const faltung_plan* plan,
                                                  const faltung_view* operand,
                                                  const faltung_view* result,
                                                  const faltung_run_options* options);

/// How a problem is measured. Begin with FALTUNG_MEASURE_OPTIONS_INIT. MeasureOptions of
/// measure.hpp says more of each.
typedef struct faltung_measure_options {
  size_t size;            ///< sizeof(faltung_measure_options)
  int32_t ways;           ///< how many are run at most
  int32_t remeasure;      ///< 1 measures though there is wisdom of the problem
  double max_seconds;     ///< for all of them
  uint64_t memory_limit;  ///< bytes of operands, result and the largest workspace together
  void* stream;           ///< cudaStream_t; NULL: the default stream. On the CPU always NULL
} faltung_measure_options;

/// Everything by default; members may be changed afterwards.
#define FALTUNG_MEASURE_OPTIONS_INIT \
  { sizeof(faltung_measure_options), 8, 0, 10.0, (uint64_t)1 << 30, NULL }

/// A plan by measurement: runs the ways that may be the fastest, on data of its own, unless there
/// is wisdom of the problem, remembers their times, and takes the fastest. Nothing else should
/// compute meanwhile.
///
/// @param problem, device, options, plan  as faltung_plan_create has them
/// @param how                             NULL: everything by default
FALTUNG_API faltung_status faltung_plan_create_measured(const char* problem, const char* device,
                                                        const faltung_options* options,
                                                        const faltung_measure_options* how,
                                                        faltung_plan** plan);

/// What became of the lines of a text of wisdom.
typedef struct faltung_wisdom_lines {
  uint64_t taken;    ///< remembered, those of other machines included
  uint64_t foreign;  ///< of them, measured elsewhere: plans pass them over
  uint64_t skipped;  ///< cut off, changed, or of another format
} faltung_wisdom_lines;

/// Everything that was measured or imported, as text: one line a problem and machine. Where threads
/// measure meanwhile, ask again if `bytes` is more than the capacity.
FALTUNG_API faltung_status faltung_export_wisdom(char* text, size_t capacity, size_t* bytes);
/// Adds the lines of a text; lines that are no wisdom do no harm.
///
/// @param lines  may be NULL
FALTUNG_API faltung_status faltung_import_wisdom(const char* text, faltung_wisdom_lines* lines);
/// The same from a file.
FALTUNG_API faltung_status faltung_import_wisdom_file(const char* path,
                                                      faltung_wisdom_lines* lines);
/// Merges everything remembered into a file, whose own lines stay. Processes may do so at once.
FALTUNG_API faltung_status faltung_export_wisdom_file(const char* path);
/// Forgets everything in this process; files stay.
FALTUNG_API faltung_status faltung_forget_wisdom(void);

#ifdef __cplusplus
}
#endif
