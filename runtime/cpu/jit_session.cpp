#include "runtime/cpu/jit_session.h"

#include <llvm/Config/llvm-config.h>
#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>

#include <atomic>

#include "runtime/error.h"

namespace gradus {
namespace {

template <class T>
T require(llvm::Expected<T> e) {
  if (!e) internal_error(__FILE__, __LINE__, "jit", llvm::toString(e.takeError()));
  return std::move(*e);
}

void require(llvm::Error e) {
  if (e) internal_error(__FILE__, __LINE__, "jit", llvm::toString(std::move(e)));
}

llvm::orc::LLJIT& session() {
  // Never destroyed: compiled steps may run from static destructors.
  static llvm::orc::LLJIT& jit = *[] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    auto made = require(llvm::orc::LLJITBuilder().create());
    auto process = require(llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
        made->getDataLayout().getGlobalPrefix()));
    made->getMainJITDylib().addGenerator(std::move(process));
    return made.release();
  }();
  return jit;
}

}  // namespace

struct LinkedCode::State {
  llvm::orc::JITDylib* library = nullptr;
};

LinkedCode::LinkedCode() : state_(std::make_unique<State>()) {}

LinkedCode::~LinkedCode() {
  if (state_->library) {
    llvm::consumeError(session().getExecutionSession().removeJITDylib(*state_->library));
  }
}

LeafFunction LinkedCode::function(std::string_view name) const {
  return require(session().lookup(*state_->library, name)).toPtr<LeafFunction>();
}

std::shared_ptr<const LinkedCode> link_object(std::string_view object) {
  static std::atomic<int> count = 0;
  auto& jit = session();
  std::shared_ptr<LinkedCode> code(new LinkedCode);
  auto name = "leaf" + std::to_string(count++);
  auto library = jit.createJITDylib(name);
  if (!library) internal_error(__FILE__, __LINE__, "jit", llvm::toString(library.takeError()));
  code->state_->library = &*library;
  library->addToLinkOrder(jit.getMainJITDylib());
  require(jit.addObjectFile(*library, llvm::MemoryBuffer::getMemBufferCopy(
                                          llvm::StringRef(object.data(), object.size()), name)));
  return code;
}

std::string llvm_version_text() {
  return LLVM_VERSION_STRING;
}

}  // namespace gradus
