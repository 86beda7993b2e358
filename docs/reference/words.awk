# What members of the same name mean wherever they stand, said once: Doxygen reads the headers through
# this (INPUT_FILTER). A member that has a comment of its own keeps it. Comments go on the line of
# what they describe, so that warnings name the right line.

BEGIN {
  word["friend .*operator==\\("] = "Whether all values are equal."
  word["^ *(explicit )?[A-Z][A-Za-z]*\\([A-Z][A-Za-z]*&&[ a-z]*\\) noexcept"] = "Moves; what was moved from may be assigned to and destroyed."
  word["operator=\\([A-Z][A-Za-z]*&&[ a-z]*\\) noexcept"] = "Moves; what was moved from may be assigned to and destroyed."
  word[" (size|empty|data|begin|end|back)\\(\\) (const )?noexcept \\{ return"] = "As of a std::vector."
  word["operator\\[\\]\\(std::size_t i\\) (const )?noexcept"] = "As of a std::vector; the index is not checked."
  word["std::ostream& operator<<\\("] = "Writes what `to_string` returns."

  # Options of the front ends.
  word["^  std::optional<DType> output = std::nullopt;"] = "Type of the result; nothing: as the function says."
  word["^  std::optional<DType> accumulator = std::nullopt;"] = "Type in which sums are formed; nothing: as the function says."
  word["^  Rounding rounding = Rounding::truncate;"] = "How floating sums become integers."
  word["^  Overflow overflow = Overflow::wrap;"] = "What becomes of sums that an integer result cannot hold."
  word["^  Store store = \\{\\};"] = "How sums become integers."
  word["^  Method method = Method::automatic;"] = "Direct sums or FFT."
  word["^  Execution run = \\{\\};"] = "How it is carried out: engine, memory, stream."
  word["^  Mode mode = "] = "Which part of the full result to keep."
  word["^  signal::Mode mode = "] = "Which part of the full result to keep."
  word["^  (PerAxis<Boundary>|Boundary) boundary = Boundary::reflect\\(\\);"] = "What stands outside x."
}

{
  line = $0
  if (previous !~ /^ *\/\/\// && line !~ /\/\/\// && previous !~ /^template/) {
    for (pattern in word) {
      if (line ~ pattern) {
        line = "/** " word[pattern] " */ " line
        break
      }
    }
  }
  print line
  previous = $0
}
