#include "dist/builder/order.hpp"

#include "src/base/pack.hpp"

namespace builder {

std::string encode(const Preparation& preparation) {
    base::Writer w;
    w.bytes(preparation.toolchain);
    w.bytes(preparation.layer);
    w.u8(preparation.whole);
    w.u64(preparation.disk);
    w.u64(preparation.files);
    return w.take();
}

base::Result<Preparation> decode_preparation(std::string_view bytes) {
    base::Reader r{bytes};
    Preparation preparation;
    preparation.toolchain = r.text();
    preparation.layer = r.text();
    preparation.whole = r.u8() != 0;
    preparation.disk = r.u64();
    preparation.files = r.u64();
    if (!r.done()) return base::Error{"the job's order is damaged", std::errc::bad_message};
    return preparation;
}

std::string encode(const Order& order) {
    base::Writer w;
    w.bytes(order.toolchain);
    w.bytes(order.executable);
    w.list(order.arguments);
    w.list(order.environment);
    w.bytes(order.cwd);
    w.list(order.outputs);
    const auto& l = order.limits;
    w.i64(l.wall.count());
    for (auto n : {l.memory, l.inputs, l.disk, l.files, l.processes, l.open_files, l.stream_bytes, l.output_bytes}) w.u64(n);
    return w.take();
}

base::Result<Order> decode_order(std::string_view bytes) {
    base::Reader r{bytes};
    Order order;
    order.toolchain = r.text();
    order.executable = r.text();
    order.arguments = r.list<std::vector<std::string>>();
    order.environment = r.list<std::vector<std::string>>();
    order.cwd = r.text();
    order.outputs = r.list<std::vector<std::string>>();
    auto& l = order.limits;
    l.wall = std::chrono::milliseconds{r.i64()};
    for (auto* n : {&l.memory, &l.inputs, &l.disk, &l.files, &l.processes, &l.open_files, &l.stream_bytes, &l.output_bytes}) *n = r.u64();
    if (!r.done()) return base::Error{"the job's order is damaged", std::errc::bad_message};
    return order;
}

}  // namespace builder
