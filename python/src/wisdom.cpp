#include <faltung/measure.hpp>
#include <faltung/wisdom.hpp>

#include <string>

#include "bindings.hpp"

namespace faltung::python {
namespace {

nb::dict counts(const WisdomLines& lines) {
  nb::dict all;
  all["taken"] = lines.taken;
  all["foreign"] = lines.foreign;
  all["skipped"] = lines.skipped;
  return all;
}

nb::list measured(const std::string& problem, const std::string& device, const std::string& engine,
                  int ways, double max_seconds) {
  const Problem what = Problem::parse(problem);
  const Device where = Device::parse(device);
  const Measurement found = released([&] {
    return measure(what, where, {.engine = engine}, {.ways = ways, .max_seconds = max_seconds});
  });
  nb::list list;
  for (const WayMeasurement& way : found.ways) {
    nb::dict entry;
    entry["way"] = way.way;
    entry["outcome"] = std::string(name(way.outcome));
    entry["estimate_us"] = way.estimate_us;
    entry["measured_us"] = way.us;
    entry["reason"] = way.reason;
    list.append(entry);
  }
  return list;
}

}  // namespace

void bind_wisdom(nb::module_& m) {
  m.def("export_wisdom", &export_wisdom);
  m.def("import_wisdom", [](const std::string& text) { return counts(import_wisdom(text)); });
  m.def("export_wisdom_file", &export_wisdom_file);
  m.def("import_wisdom_file",
        [](const std::string& path) { return counts(import_wisdom_file(path)); });
  m.def("forget_wisdom", &forget_wisdom);
  m.def("wisdom_of", [](const std::string& problem, const std::string& device) {
    nb::list list;
    for (const MeasuredWay& way : wisdom_of(Problem::parse(problem), Device::parse(device))) {
      list.append(nb::make_tuple(way.way, way.us));
    }
    return list;
  });
  m.def("measure", measured);
}

}  // namespace faltung::python
