// A site's address book, a text that people write.
#include <string>
#include <vector>

#include "copper/bootstrap/address_book.h"
#include "expect.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<std::string> hosts = {"node1", "node2", "node1"};
  const auto book = copper::bootstrap::FilterBook({reinterpret_cast<const char*>(data), size}, "book", hosts);
  if (book) {
    EXPECT_ALWAYS(book->size() == hosts.size());
  } else {
    EXPECT_ALWAYS(book.error().code == ENODEV || book.error().code == EINVAL);
    EXPECT_ALWAYS(!book.error().message.empty());
  }
  return 0;
}
