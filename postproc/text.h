// How paths and numbers stand in what the verbs write. A path may hold any byte but NUL; what is written has no control
// characters and is UTF-8, so that each row is one line and every reader can read it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace copper::postproc {

// `\\` stands for a backslash, `\n`, `\r` and `\t` for these characters, `\xHH` for any other control character and for
// bytes that are not UTF-8: what `printf %b` of bash turns back into the path.
std::string Escape(std::string_view text);
// Of what Escape made; what it cannot have made stays as it is.
std::string Unescape(std::string_view text);

// A line of CSV (RFC 4180) without the line's end: the fields escaped, and in quotes where they have commas or quotes.
std::string CsvRow(const std::vector<std::string>& fields);
// A line of a Markdown table. The cells are Markdown already.
std::string MarkdownRow(const std::vector<std::string>& cells);
// Text as code in Markdown, good for a table's cell too: escaped, with `\|` for a pipe, between enough backticks.
std::string MarkdownCode(std::string_view text);

std::string HumanBytes(uint64_t bytes);              // "67.04 MiB"
std::string Percent(uint64_t part, uint64_t whole);  // "6.81%"; "n/a" of nothing
std::string Join(const std::vector<std::string>& words, std::string_view between);

}  // namespace copper::postproc
