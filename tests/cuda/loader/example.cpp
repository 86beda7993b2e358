// A library of a vendor, made up: its version, and a function that may be missing.
extern "C" {
#ifdef EXAMPLE_MAJOR
int exampleGetProperty(int part, int* value) {
  const int version[] = {EXAMPLE_MAJOR, EXAMPLE_MINOR, 4};
#ifdef EXAMPLE_SILENT
  (void)part;
  (void)value;
  (void)version;
  return 1;
#else
  *value = version[part];
  return 0;
#endif
}
#endif
#ifdef EXAMPLE_NUMBERS
int exampleVersion(unsigned* major, unsigned* minor) {
  *major = 3;
  *minor = EXAMPLE_NUMBERS;
  return EXAMPLE_NUMBERS == 0 ? 1 : 0;
}
#endif
#ifndef EXAMPLE_LACKS_ADD
int exampleAdd(int a, int b) { return a + b; }
#endif
}
