#include "dist/toolchain/unpack.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "src/base/strings.hpp"

namespace toolchain {
namespace {

/// Writes a file in large, aligned blocks. The kernel keeps a file in its cache in pieces as large as the writes were, and
/// each piece is one fault less for every process that runs or maps the file: a compile in a tree that was written 4 KiB at
/// a time costs 4 ms more than in one written like this.
class BlockWriter {
public:
    /// Starts the file of `fd`, at its beginning.
    void start(int fd) {
        m_fd = fd;
        m_at = 0;
        m_block.clear();
    }

    base::Result<> add(const Piece& piece) {
        if (piece.offset > m_at + m_block.size()) {  // a hole
            auto written = flush();
            if (!written) return written;
            m_at = piece.offset;
        }
        for (auto left = piece.bytes; !left.empty();) {
            const auto now = left.substr(0, k_block - (m_at + m_block.size()) % k_block);
            m_block.append(now);
            left.remove_prefix(now.size());
            if ((m_at + m_block.size()) % k_block != 0) break;
            auto written = flush();
            if (!written) return written;
        }
        return base::Ok{};
    }

    base::Result<> flush() {
        for (std::size_t done = 0; done < m_block.size();) {
            auto n = ::pwrite(m_fd, m_block.data() + done, m_block.size() - done, static_cast<off_t>(m_at + done));
            if (n < 0 && errno != EINTR) return base::errno_error("cannot write");
            if (n > 0) done += static_cast<std::size_t>(n);
        }
        m_at += m_block.size();
        m_block.clear();
        return base::Ok{};
    }

private:
    static constexpr std::size_t k_block = 1 << 20;
    int m_fd = -1;
    std::uint64_t m_at = 0;  // where m_block begins in the file
    std::string m_block;
};

/// One archive being unpacked: the counters, and the directory most members share.
class Unpacker {
public:
    Unpacker(const Root& root, const UnpackLimits& limits) : m_root{root}, m_limits{limits} {}

    base::Result<> member(Members& members, const Member& member) {
        auto name = clean_member_name(member.name);
        if (!name) return std::move(name).error();
        if (++m_done.members > m_limits.members)
            return base::Error{base::cat("the archive has more than ", m_limits.members, " members"), std::errc::file_too_large};
        if (name->empty()) return base::Ok{};  // "./"
        if (member.kind == Member::Kind::directory) return directory(*name, member.mode);
        auto slash = name->rfind('/');
        auto parent = parent_of(slash == std::string::npos ? std::string{} : name->substr(0, slash));
        if (!parent) return std::move(parent).error();
        auto last = slash == std::string::npos ? *name : name->substr(slash + 1);
        switch (member.kind) {
            case Member::Kind::hard_link: {
                auto clean = clean_member_name(member.target);
                if (!clean) return std::move(clean).error();
                return m_root.make_hard_link(*parent, last, *clean);
            }
            case Member::Kind::link: return m_root.make_link(*parent, last, member.target);
            case Member::Kind::file: return file(members, member, *parent, last);
            default:
                return base::Error{"the archive holds " + *name + ", which is neither file, directory nor link", std::errc::operation_not_permitted};
        }
    }

    [[nodiscard]] const Unpacked& done() const { return m_done; }

private:
    base::Result<int> parent_of(const std::string& path) {
        if (!m_parent || path != m_parent_path) {
            auto fd = m_root.make_directories(path);
            if (!fd) return std::move(fd).error();
            m_parent = std::move(*fd);
            m_parent_path = path;
        }
        return m_parent.get();
    }

    base::Result<> directory(const std::string& path, mode_t wanted) {
        auto fd = parent_of(path);
        if (!fd) return std::move(fd).error();
        // The owner keeps full access: the tree must stay readable for jobs and removable for us.
        auto mode = (wanted & 0777) | 0700;
        if (path == "tmp") mode = 01777;
        struct stat st {};
        if (::fstat(*fd, &st) == 0 && (st.st_mode & 07777) == mode) return base::Ok{};  // an overlay copies what is changed
        auto self = m_root.open_at(path, O_RDONLY | O_DIRECTORY);
        if (!self) return std::move(self).error();
        // A directory that was there before (of the toolchain, below a job) may belong to another user: leave it then.
        if (::fchmod(self->get(), mode) != 0 && errno != EPERM) return base::errno_error("cannot set the mode of " + path);
        return base::Ok{};
    }

    base::Result<> file(Members& members, const Member& member, int parent, const std::string& name) {
        if (!room_for(member.size)) return too_large();
        auto fd = m_root.create(parent, name, (member.mode & 0777) | 0400);
        if (!fd) return std::move(fd).error();
        m_writer.start(fd->get());
        std::uint64_t end = 0;
        for (;;) {
            auto piece = members.piece();
            if (!piece) return std::move(piece).error();
            if (piece->bytes.empty()) break;
            auto upto = piece->offset + piece->bytes.size();
            if (piece->offset < end || upto < end || !room_for(upto)) return too_large();
            auto written = m_writer.add(*piece);
            if (!written) return std::move(written).error().while_doing(name);
            end = upto;
        }
        auto written = m_writer.flush();
        if (!written) return std::move(written).error().while_doing(name);
        if (member.size > end && ::ftruncate(fd->get(), static_cast<off_t>(member.size)) != 0)  // a hole at the end
            return base::errno_error("cannot write " + name);
        m_done.bytes += std::max(member.size, end);
        timespec times[2]{{0, UTIME_NOW}, member.mtime};
        ::futimens(fd->get(), times);
        return base::Ok{};
    }

    [[nodiscard]] bool room_for(std::uint64_t bytes) const { return bytes <= m_limits.bytes - m_done.bytes; }
    [[nodiscard]] base::Error too_large() const {
        return {base::cat("the archive unpacks to more than ", m_limits.bytes, " bytes"), std::errc::file_too_large};
    }

    const Root& m_root;
    const UnpackLimits& m_limits;
    Unpacked m_done;
    BlockWriter m_writer;
    base::Fd m_parent;
    std::string m_parent_path;
};

}  // namespace

base::Result<Unpacked> unpack(Members& members, const Root& root, const UnpackLimits& limits) {
    Unpacker unpacker{root, limits};
    for (;;) {
        auto member = members.next();
        if (!member) return std::move(member).error();
        if (!*member) return unpacker.done();
        auto step = unpacker.member(members, **member);
        if (!step) return std::move(step).error();
    }
}

}  // namespace toolchain
