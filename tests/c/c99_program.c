/* What a C program does with faltung.h: plan, look, run, bind, and read an error. */

#include <faltung/faltung.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                   \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      printf("line %d: %s; last error: %s\n", __LINE__, #condition, faltung_last_error()); \
      exit(1);                                                                             \
    }                                                                                      \
  } while (0)

static const float x[5] = {1, 2, 3, 4, 5};
static const float w[3] = {1, 10, 100};
static const float expected[5] = {12, 123, 234, 345, 450};

/* The view that the plan wants of an operand, at `data`. */
static faltung_view view_at(const faltung_plan* plan, int32_t operand, const float* data) {
  faltung_view view;
  CHECK(faltung_plan_operand(plan, operand, &view) == FALTUNG_OK);
  view.data = (void*)data;
  return view;
}

static void run_all_ways(faltung_plan* plan) {
  float y[5] = {0};
  const faltung_view views[3] = {view_at(plan, FALTUNG_FIRST, x), view_at(plan, FALTUNG_SECOND, w),
                                 view_at(plan, FALTUNG_RESULT, y)};
  CHECK(views[0].rank == 3 && views[0].shape[2] == 5 && views[1].strides[2] == 1);
  CHECK(faltung_plan_run(plan, &views[0], &views[1], &views[2], NULL) == FALTUNG_OK);
  CHECK(memcmp(y, expected, sizeof y) == 0);

  memset(y, 0, sizeof y);
  faltung_run_options options = FALTUNG_RUN_OPTIONS_INIT;
  CHECK(faltung_plan_workspace_bytes(plan, &options.workspace_bytes) == FALTUNG_OK);
  void* memory = malloc(options.workspace_bytes + 256);
  CHECK(memory != NULL);
  options.workspace = (void*)(((uintptr_t)memory + 255) / 256 * 256);
  CHECK(faltung_plan_bind_filter(plan, &views[1], NULL) == FALTUNG_OK);
  CHECK(faltung_plan_run_bound(plan, &views[0], &views[2], &options) == FALTUNG_OK);
  CHECK(memcmp(y, expected, sizeof y) == 0);
  free(memory);
}

static void read_texts(const faltung_plan* plan) {
  faltung_facts facts;
  facts.size = sizeof facts;
  CHECK(faltung_plan_facts(plan, &facts) == FALTUNG_OK);
  CHECK(strcmp(facts.problem, "op=fwd dtype=f32 n=1 c=1 in=5 k=1 f=3 pad=1 flip=1") == 0);
  CHECK(strcmp(facts.device, "cpu") == 0 && strcmp(facts.engine, "cpu.direct") == 0);
  CHECK(facts.threads >= 1 && facts.bitwise_reproducible == 1 && facts.size == sizeof facts);

  size_t bytes = 0;
  CHECK(faltung_plan_explain(plan, NULL, 0, &bytes) == FALTUNG_OK && bytes > 100);
  char* text = malloc(bytes);
  CHECK(text != NULL && faltung_plan_explain(plan, text, bytes, NULL) == FALTUNG_OK);
  CHECK(strlen(text) + 1 == bytes && strstr(text, "cpu.direct") != NULL);
  free(text);
  char canonical[8];
  CHECK(faltung_canonical("op=fwd f=3 in=5 dtype=f32", canonical, 8, &bytes) == FALTUNG_OK);
  CHECK(strcmp(canonical, "op=fwd ") == 0 && bytes > 8);
}

int main(void) {
  faltung_plan* plan = NULL;
  faltung_options options = FALTUNG_OPTIONS_INIT;
  options.engine = "cpu.direct";
  CHECK(strcmp(faltung_last_error(), "") == 0);
  CHECK(faltung_plan_create("op=fwd dtype=f32 in=5 f=3 pad=1 flip=1", "cpu", &options, &plan) ==
        FALTUNG_OK);
  run_all_ways(plan);
  read_texts(plan);
  CHECK(faltung_plan_destroy(plan) == FALTUNG_OK);

  CHECK(faltung_plan_create("op=fwd dtype=f32 in=5 f=0", NULL, NULL, &plan) == FALTUNG_INVALID);
  CHECK(plan == NULL && strstr(faltung_last_error(), "f=0") != NULL);
  CHECK(strcmp(faltung_status_name(FALTUNG_INVALID), "FALTUNG_INVALID") == 0);
  CHECK(strcmp(faltung_dtype_name(FALTUNG_C128), "c128") == 0);
  CHECK(faltung_dtype_size(FALTUNG_C128) == 16);
  puts("ok");
  return 0;
}
