/* The library opened at run time, as plug-ins and other languages do. Usage: c99_opener LIBRARY */

/* Named, because C99 alone has no dlopen. */
#define _POSIX_C_SOURCE 200112L
#include <dlfcn.h>
#include <faltung/faltung.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A pointer to a function from one to data, as POSIX has it. */
static void find(void* library, const char* name, void* function) {
  void* const found = dlsym(library, name);
  if (found == NULL) {
    printf("%s\n", dlerror());
    exit(1);
  }
  memcpy(function, &found, sizeof found);
}

int main(int count, char** arguments) {
  faltung_status (*create)(const char*, const char*, const faltung_options*, faltung_plan**);
  faltung_status (*operand)(const faltung_plan*, int32_t, faltung_view*);
  faltung_status (*run)(const faltung_plan*, const faltung_view*, const faltung_view*,
                        const faltung_view*, const faltung_run_options*);
  faltung_status (*destroy)(faltung_plan*);
  const char* (*last_error)(void);
  faltung_plan* plan = NULL;
  faltung_view views[3];
  float data[3][4] = {{1, 2, 3, 4}, {1, 10, 100}, {0}};
  const float expected[4] = {210, 321, 432, 43};
  int32_t i;

  void* const library = dlopen(count > 1 ? arguments[1] : "libfaltung.so", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    printf("%s\n", dlerror());
    return 1;
  }
  find(library, "faltung_plan_create", &create);
  find(library, "faltung_plan_operand", &operand);
  find(library, "faltung_plan_run", &run);
  find(library, "faltung_plan_destroy", &destroy);
  find(library, "faltung_last_error", &last_error);
  if (create("op=fwd dtype=f32 in=4 f=3 pad=1", "cpu", NULL, &plan) != FALTUNG_OK) {
    printf("%s\n", last_error());
    return 1;
  }
  for (i = FALTUNG_FIRST; i <= FALTUNG_RESULT; ++i) {
    if (operand(plan, i, &views[i]) != FALTUNG_OK) return 1;
    views[i].data = data[i];
  }
  if (run(plan, &views[0], &views[1], &views[2], NULL) != FALTUNG_OK ||
      memcmp(data[2], expected, sizeof expected) != 0) {
    printf("wrong sums; last error: %s\n", last_error());
    return 1;
  }
  if (destroy(plan) != FALTUNG_OK) return 1;
  puts("ok");
  return 0;
}
