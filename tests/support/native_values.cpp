// Trainings with every activation, loss and optimizer, on each instruction set of the machine, against what the
// reference in Python came to: for machines that have no Python. support/portable.py writes the file and runs this.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "../../native/machine.hpp"
#include "../../native/trainer.hpp"

using namespace chainrule;

namespace {

std::FILE* file;

std::string word() {
    char text[64];
    if (std::fscanf(file, "%63s", text) != 1) {
        std::printf("the file ends too early\n");
        std::exit(2);
    }
    return text;
}
double number() { return std::strtod(word().c_str(), nullptr); }
int64_t whole() { return int64_t(number()); }
std::vector<double> numbers(int64_t count) {
    std::vector<double> all;
    for (int64_t i = 0; i < count; ++i) all.push_back(number());
    return all;
}

template <class Row, size_t n> auto value_of(const Row (&table)[n], const std::string& name) {
    for (const auto& row : table) {
        if (name == row.name) return row.value;
    }
    std::printf("the kernel has no %s\n", name.c_str());
    std::exit(2);
}

struct Case {
    std::string name;
    Architecture architecture;
    Hyper hyper;
    std::vector<double> rates, X, Y, start, costs, wanted;
};

Case read_case() {
    Case c;
    c.name = word();
    const int64_t L = whole();
    for (const double n : numbers(L + 1)) c.architecture.sizes.push_back(int64_t(n));
    for (int64_t l = 0; l < L; ++l) c.architecture.g.push_back(value_of(FUNCTIONS, word()));
    c.architecture.alpha = numbers(L);
    c.architecture.loss = value_of(LOSSES, word());
    c.architecture.delta = number();
    const Rule rule = value_of(RULES, word());
    const std::vector<double> h = numbers(6);  // beta1, beta2, epsilon, weight_decay, epsilon_hat, l2
    const int64_t m = whole();
    c.hyper = {rule, h[0], h[1], h[2], h[3], h[4] != 0, h[5], 0, std::vector<double>(size_t(L - 1), 0.0), m, 0};
    c.rates = numbers(whole());
    const int64_t count = whole();
    c.X = numbers(m * c.architecture.sizes.front()), c.Y = numbers(m * c.architecture.sizes.back());
    c.start = numbers(count), c.costs = numbers(int64_t(c.rates.size())), c.wanted = numbers(count);
    return c;
}

template <class T> std::vector<T> as(const std::vector<double>& x) { return {x.begin(), x.end()}; }

// How far costs and parameters are from those of the reference: relative to the cost, and to how far they moved.
template <class T> double error_of(const Case& c, const std::string& isa) {
    const std::vector<T> X = as<T>(c.X), Y = as<T>(c.Y);
    std::vector<T> w = as<T>(c.start), slots[2], spare[2];
    for (auto& slot : slots) slot.assign(w.size(), T(0));
    for (auto& slot : spare) slot.assign(w.size(), T(0));
    Examples<T> examples;
    examples.X = {X.data(), ptrdiff_t(c.architecture.sizes.front()), 1};
    examples.Y = {Y.data(), ptrdiff_t(c.architecture.sizes.back()), 1};
    examples.m = c.hyper.batch_size, examples.id = 1;
    Progress<T> progress{w.data(), {slots[0].data(), slots[1].data()}, {spare[0].data(), spare[1].data()}};
    const auto costs =
        Trainer<T>(c.architecture, isa).run(examples, c.hyper, c.rates, {}, 0, progress, [] { return false; });
    double worst = costs.size() == c.costs.size() ? 0 : INFINITY;
    for (size_t i = 0; i < costs.size(); ++i) worst = std::max(worst, std::abs(costs[i] / c.costs[i] - 1));
    double away = 0, moved = 0;
    for (size_t i = 0; i < w.size(); ++i) {
        away += std::pow(double(w[i]) - c.wanted[i], 2);
        moved += std::pow(c.wanted[i] - c.start[i], 2);
    }
    return std::max(worst, std::sqrt(away / moved));
}

}  // namespace

int main(int count, char** arguments) {
    file = count > 1 ? std::fopen(arguments[1], "r") : nullptr;
    if (!file) {
        std::printf("wanted the file of the values\n");
        return 2;
    }
    bool failed = false;
    std::map<std::string, double> worst;
    const int64_t cases = whole();
    for (int64_t i = 0; i < cases; ++i) {
        const Case c = read_case();
        for (const std::string& isa : isas()) {
            const double errors[] = {error_of<double>(c, isa), error_of<float>(c, isa)}, most[] = {1e-10, 2e-3};
            for (int k = 0; k < 2; ++k) {
                double& so_far = worst[isa + (k ? ", float32" : ", float64")];
                so_far = std::max(so_far, errors[k]);
                if (errors[k] <= most[k]) continue;
                std::printf("wrong: %s, %s: %g away\n", c.name.c_str(), isa.c_str(), errors[k]);
                failed = true;
            }
        }
    }
    for (const auto& [what, error] : worst) std::printf("%s: %g at most, ", what.c_str(), error);
    std::printf("%d trainings\n", int(cases));
    return failed || cases == 0 ? 1 : 0;
}
