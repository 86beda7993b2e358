/* What a user's first program in C does. */

#include <faltung/faltung.h>

#include <stdio.h>

int main(void) {
  float data[3][5] = {{1, 2, 3, 4, 5}, {1, 10, 100}, {0}};
  faltung_view views[3];
  faltung_plan* plan;
  int32_t i;
  if (faltung_plan_create("op=fwd dtype=f32 in=5 f=3 pad=1 flip=1", NULL, NULL, &plan) !=
      FALTUNG_OK) {
    puts(faltung_last_error());
    return 1;
  }
  for (i = 0; i < 3; ++i) {
    if (faltung_plan_operand(plan, i, &views[i]) != FALTUNG_OK) return 1;
    views[i].data = data[i];
  }
  if (faltung_plan_run(plan, &views[0], &views[1], &views[2], NULL) != FALTUNG_OK ||
      data[2][0] != 12 || data[2][4] != 450) {
    puts("the sums are wrong");
    return 1;
  }
  return faltung_plan_destroy(plan) == FALTUNG_OK ? 0 : 1;
}
